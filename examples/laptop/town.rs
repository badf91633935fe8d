//! The little network of the example: a server and three devices, each at the end of its own line.

use std::{
    error::Error,
    ffi::OsString,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use outpost_schema::device::Card;
use outpost_server::cluster::Cluster;

use crate::{
    line::Line,
    machine::{self, Machine},
    plan::{self, Plan},
    report::note,
    till::Till,
};

/// The shop where the kiosk stands; the web shop sells from it too.
pub const MAIN: &str = "High Street";
/// The pop-up's own place.
const FAIR: &str = "Summer Fair";
/// The handheld's own place.
const STOCKROOM: &str = "Stockroom";

/// What the fourth device is called.
const TILL: &str = "till";
/// The handheld that goes out to customers.
const SPARE: &str = "spare";
/// Where head office is backed up to.
const BACKUPS: &str = "backups";
/// Where somebody keeps a copy of the pop-up's folder.
const MORNING: &str = "popup-morning";

/// A device with its line.
pub struct Device {
    /// The person at it.
    pub till: Till,
    /// Its line to the server.
    pub line: Line,
    folder: PathBuf,
    /// A second disk, which remembers how far its journal has come.
    stick: PathBuf,
    caller: String,
    address: SocketAddr,
    machine: Option<Machine>,
}

/// Server and devices.
pub struct Town {
    data: PathBuf,
    address: SocketAddr,
    server: Option<Machine>,
    /// Sells from the shop, within its allotment.
    pub kiosk: Device,
    /// Sells from its own place.
    pub popup: Device,
    /// Counts in the stockroom.
    pub handheld: Device,
    /// Comes in the evening, and sells beside the kiosk.
    pub till: Option<Device>,
}

impl Town {
    /// Sets everything up in an empty folder: places, catalogue, stock, devices.
    ///
    /// # Errors
    /// If a program fails; its own words are in the error.
    pub async fn found(data: &Path, plan: &Plan) -> Result<Self, Box<dyn Error>> {
        let address = machine::free_address()?;
        let server = Some(start_server(data, address).await?);
        note(&format!("the server is at http://{address}"));
        for place in [MAIN, FAIR, STOCKROOM] {
            office(data, ["warehouse", "add", place])?;
        }
        let kiosk = Device::join(data, "kiosk", MAIN, &[], address).await?;
        let popup = Device::join(data, "popup", FAIR, &["--home"], address).await?;
        let handheld = Device::join(data, "handheld", STOCKROOM, &["--home"], address).await?;
        let town = Self { data: data.to_owned(), address, server, kiosk, popup, handheld, till: None };
        town.stock_up(plan)?;
        Ok(town)
    }

    /// Switches everything on again that an earlier run left in this folder.
    ///
    /// # Errors
    /// If a program fails; its own words are in the error.
    pub async fn reopen(data: &Path) -> Result<Self, Box<dyn Error>> {
        let address = machine::free_address()?;
        let server = Some(start_server(data, address).await?);
        let kiosk = Device::switch_on(data, "kiosk", address).await?;
        let popup = Device::switch_on(data, "popup", address).await?;
        let handheld = Device::switch_on(data, "handheld", address).await?;
        let till = match card(data, TILL).exists() {
            true => Some(Device::switch_on(data, TILL, address).await?),
            false => None,
        };
        Ok(Self { data: data.to_owned(), address, server, kiosk, popup, handheld, till })
    }

    fn stock_up(&self, plan: &Plan) -> Result<(), Box<dyn Error>> {
        let places = [(MAIN, "high-street.csv"), (FAIR, "summer-fair.csv"), (STOCKROOM, "stockroom.csv")];
        let files = places.map(|(_, name)| self.data.join(name));
        plan.write_stock([&files[0], &files[1], &files[2]])?;
        let rejects = self.data.join("rejected.csv");
        let rejects = rejects.to_str().ok_or("the data folder's path is not UTF-8")?;
        show_office(&self.data, &["synonyms", "add", "courgette", "zucchini"])?;
        show_office(
            &self.data,
            &["import", "products", &plan::catalogue(), "--in-store-barcodes", "--rejects", rejects],
        )?;
        for (file, (warehouse, _)) in files.iter().zip(places) {
            let file = file.to_str().ok_or("the data folder's path is not UTF-8")?;
            show_office(&self.data, &["import", "stock", file, "--warehouse", warehouse])?;
        }
        Ok(())
    }

    /// Where head office's page is.
    pub fn office_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every device there is by now.
    pub fn devices(&self) -> Vec<&Device> {
        [&self.kiosk, &self.popup, &self.handheld].into_iter().chain(&self.till).collect()
    }

    /// Unpacks a fourth device and lets it join.
    ///
    /// # Errors
    /// If a program fails; its own words are in the error.
    pub async fn unpack_till(&mut self) -> Result<(), Box<dyn Error>> {
        self.till = Some(Device::join(&self.data, TILL, MAIN, &[], self.address).await?);
        Ok(())
    }

    /// Lets a second handheld join that sells from the shop.
    ///
    /// # Errors
    /// If a program fails; its own words are in the error.
    pub async fn unpack_spare(&self) -> Result<Device, Box<dyn Error>> {
        Device::join_as(&self.data, SPARE, "handheld", MAIN, &[], self.address).await
    }

    /// What head office is told of a device, and what it says to that.
    ///
    /// # Errors
    /// What it says if it will not.
    pub fn of_device(&self, verb: &str, device: &Device, more: &[&str]) -> Result<(), Box<dyn Error>> {
        let said = office(&self.data, ["nodes", verb, device.till.name].into_iter().chain(more.iter().copied()))?;
        said.lines().for_each(note);
        Ok(())
    }

    /// Backs head office up while it works; where the backup lies.
    ///
    /// # Errors
    /// If the program fails; its own words are in the error.
    pub fn back_up_office(&self) -> Result<PathBuf, Box<dyn Error>> {
        let folder = self.data.join(BACKUPS);
        let to = folder.to_str().ok_or("the data folder's path is not UTF-8")?;
        office(&self.data, ["backup", "--to", to])?.lines().for_each(note);
        let mut backups =
            fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, io::Error>>()?;
        backups.sort();
        Ok(backups.pop().ok_or("the backup is not where it was put")?)
    }

    /// The computer of head office is gone, and its Postgres with it.
    ///
    /// # Errors
    /// If something of it cannot be ended.
    pub async fn lose_office(&mut self) -> Result<(), Box<dyn Error>> {
        self.server.take().ok_or("head office was off already")?.kill().await?;
        Ok(Cluster::start(&self.data.join("server")).await?.stop()?)
    }

    /// Puts a backup in its place, and switches it on.
    ///
    /// # Errors
    /// If a program fails; its own words are in the error.
    pub async fn restore_office(&mut self, backup: &Path) -> Result<(), Box<dyn Error>> {
        let from = backup.to_str().ok_or("the data folder's path is not UTF-8")?;
        office(&self.data, ["restore", "--from", from, "--replace"])?.lines().for_each(note);
        self.server = Some(start_server(&self.data, self.address).await?);
        Ok(())
    }

    /// Somebody copies the pop-up's folder, as it is in the morning.
    ///
    /// # Errors
    /// If it cannot be switched off and on, or copied.
    pub async fn copy_popup(&mut self) -> Result<(), Box<dyn Error>> {
        self.popup.switch_off().await?;
        copy_folder(&self.popup.folder, &self.data.join(MORNING))?;
        self.popup.start().await
    }

    /// Its disk dies, and the copy is put in its place, with no line.
    ///
    /// # Errors
    /// If the disk cannot be changed.
    pub async fn put_back_popup(&mut self) -> Result<(), Box<dyn Error>> {
        self.popup.kill().await?;
        fs::remove_dir_all(&self.popup.folder)?;
        copy_folder(&self.data.join(MORNING), &self.popup.folder)?;
        self.popup.line.cut();
        self.popup.start().await
    }

    /// Head office's own check of every law; what is broken, in words.
    ///
    /// # Errors
    /// If the check itself cannot run.
    pub fn broken_laws(&self) -> Vec<String> {
        match office(&self.data, ["check"]) {
            Ok(_) => Vec::new(),
            Err(said) => vec![said.to_string()],
        }
    }

    /// The server's database, for the auditor.
    ///
    /// # Errors
    /// If its cluster does not run.
    pub async fn database(&self) -> Result<tokio_postgres::Config, Box<dyn Error>> {
        let cluster = Cluster::start(&self.data.join("server")).await?;
        let config = cluster.config(outpost_server::cluster::DATABASE);
        cluster.leave_running();
        Ok(config)
    }

    /// Ends everything as a person would.
    ///
    /// # Errors
    /// If something does not end.
    pub async fn close(self) -> Result<(), Box<dyn Error>> {
        for device in [self.kiosk, self.popup, self.handheld].into_iter().chain(self.till) {
            if let Some(machine) = device.machine {
                machine.stop().await?;
            }
        }
        match self.server {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }
}

impl Device {
    /// A device that is called what it is.
    async fn join(
        data: &Path,
        kind: &'static str,
        warehouse: &str,
        more: &[&str],
        server: SocketAddr,
    ) -> Result<Self, Box<dyn Error>> {
        Self::join_as(data, kind, kind, warehouse, more, server).await
    }

    async fn join_as(
        data: &Path,
        name: &'static str,
        kind: &str,
        warehouse: &str,
        more: &[&str],
        server: SocketAddr,
    ) -> Result<Self, Box<dyn Error>> {
        let folder = data.join(name);
        fs::create_dir_all(&folder)?;
        let card = card(data, name);
        let card = card.to_str().ok_or("the data folder's path is not UTF-8")?;
        let mut arguments = vec!["node", "add", "--name", name, "--kind", kind, "--warehouse", warehouse];
        arguments.extend(["--scope", MAIN, "--scope", FAIR, "--scope", STOCKROOM, "--out", card]);
        arguments.extend(more);
        office(data, arguments)?;
        machine::run("outpost-node", ["--data".as_ref(), folder.as_os_str(), "join".as_ref(), card.as_ref()])?;
        Self::switch_on(data, name, server).await
    }

    /// A device that has joined, at the end of a new line.
    async fn switch_on(data: &Path, name: &'static str, server: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let Card { node_id, incarnation_id, .. } = toml::from_str(&fs::read_to_string(card(data, name))?)?;
        let address = machine::free_address()?;
        let mut device = Self {
            till: Till::at(name, format!("http://{address}")),
            line: Line::lay(server).await?,
            folder: data.join(name),
            stick: data.join(format!("{name}.stick")),
            caller: format!("{node_id}/{incarnation_id}"),
            address,
            machine: None,
        };
        device.start().await?;
        Ok(device)
    }

    /// Switches the device on.
    ///
    /// # Errors
    /// If it does not answer in time.
    pub async fn start(&mut self) -> Result<(), Box<dyn Error>> {
        let (address, url) = (self.address.to_string(), self.line.url());
        let folder = self.folder.as_os_str();
        let arguments =
            ["--data".as_ref(), folder, "--listen".as_ref(), address.as_ref(), "--server".as_ref(), url.as_ref()];
        let stick = ["--witness".as_ref(), self.stick.as_os_str(), "serve".as_ref()];
        let log = self.folder.join("log.txt");
        let machine = Machine::start("outpost-node", arguments.into_iter().chain(stick), self.address, &log).await?;
        self.machine = Some(machine);
        Ok(())
    }

    /// Cuts its power.
    ///
    /// # Errors
    /// If it was off, or the system will not.
    pub async fn kill(&mut self) -> Result<(), Box<dyn Error>> {
        let machine = self.machine.take().ok_or("the device was off already")?;
        Ok(machine.kill().await?)
    }

    /// Switches it off, as a person does.
    ///
    /// # Errors
    /// If it was off, or does not end.
    pub async fn switch_off(&mut self) -> Result<(), Box<dyn Error>> {
        self.machine.take().ok_or("the device was off already")?.stop().await
    }

    /// Whether it is switched on.
    pub const fn is_on(&self) -> bool {
        self.machine.is_some()
    }

    /// How it names itself to the server.
    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// Where its pages are.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its database file.
    pub fn database(&self) -> PathBuf {
        self.folder.join("outpost.db")
    }
}

/// The card with which a device joined.
fn card(data: &Path, name: &str) -> PathBuf {
    data.join(format!("{name}.toml"))
}

/// Copies a folder with all that is in it.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy_folder(&path, &target)? } else { _ = fs::copy(&path, &target)? }
    }
    Ok(())
}

async fn start_server(data: &Path, address: SocketAddr) -> Result<Machine, Box<dyn Error>> {
    let folder = data.join("server");
    let address_text = address.to_string();
    let arguments = ["--data".as_ref(), folder.as_os_str(), "--listen".as_ref(), address_text.as_ref()];
    let log = data.join("server.log");
    let more = ["--currency".as_ref(), "USD".as_ref(), "serve".as_ref()];
    Machine::start("outpost-server", arguments.into_iter().chain(more), address, &log).await
}

/// Head office's command line; what it printed.
fn office<'a>(data: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Result<String, Box<dyn Error>> {
    machine::run("outpost-server", at_office(data, arguments))
}

/// The same, with its progress on the screen.
fn show_office(data: &Path, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    machine::show("outpost-server", at_office(data, arguments.iter().copied()))
}

fn at_office<'a>(data: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Vec<OsString> {
    let folder = data.join("server").into_os_string();
    [OsString::from("--data"), folder].into_iter().chain(arguments.into_iter().map(OsString::from)).collect()
}
