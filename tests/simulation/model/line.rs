//! A node's line to the model, message by message, and whatever may happen to messages on the way.

use std::{
    future::{Ready, ready},
    sync::{Arc, Mutex, MutexGuard},
};

use outpost_schema::{
    id::NodeId,
    world::{Seeded, World as _},
};
use outpost_sync::{
    model::Model,
    round::{Remote, Trouble},
    wire::{Born, LifeWanted, Problem, Pulled, Push, Pushed, Report, Reported, Standing},
};

use crate::{
    chance::Chance,
    office::{Harm, Weather},
};

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It arrives, and so does the answer.
    Passes,
    /// It never arrives.
    Lost,
    /// The line breaks in the middle of it.
    CutAsking,
    /// Only a part of it arrives, as if that were all.
    ShortAsking,
    /// It arrives; the answer does not.
    AnswerLost,
    /// It arrives; of the answer only a part.
    ShortAnswer,
    /// It arrives twice; the second answer is heard.
    Twice,
    /// It stays on the way, and arrives after the next call.
    Late,
}

impl Fate {
    fn drawn(chance: &mut Chance, in_a_hundred: usize) -> Self {
        if !chance.in_a_hundred(in_a_hundred) {
            return Self::Passes;
        }
        *chance.one_of(&[
            Self::Lost,
            Self::CutAsking,
            Self::ShortAsking,
            Self::AnswerLost,
            Self::ShortAnswer,
            Self::Twice,
            Self::Late,
        ])
    }
}

/// One call, ready to be sent later.
enum Call {
    Push(Standing, Push),
    Report(Standing, Report),
    Pull(Standing, Option<String>),
    BeginLife(Standing, LifeWanted),
}

#[derive(Default)]
struct State {
    weather: Option<(Chance, usize)>,
    is_cut: bool,
    on_the_way: Vec<Call>,
    harm: Harm,
}

/// One node's line.
pub struct ModelLine {
    model: Arc<Model>,
    world: Arc<Seeded>,
    node_id: NodeId,
    state: Mutex<State>,
}

impl ModelLine {
    /// A good line.
    pub(super) fn lay(model: &Arc<Model>, world: &Arc<Seeded>, node_id: NodeId) -> Self {
        Self { model: Arc::clone(model), world: Arc::clone(world), node_id, state: Mutex::default() }
    }

    /// Whom it leads to.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Whose it is.
    pub const fn node_id(&self) -> NodeId {
        self.node_id
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("sound")
    }

    /// What happens to the next call; it is counted.
    fn fate(&self) -> Fate {
        let State { weather, is_cut, harm, .. } = &mut *self.state();
        let fate = match weather {
            _ if *is_cut => Fate::Lost,
            Some((chance, in_a_hundred)) => Fate::drawn(chance, *in_a_hundred),
            None => Fate::Passes,
        };
        match fate {
            Fate::Passes => harm.whole += 1,
            Fate::Lost | Fate::AnswerLost => harm.dropped += 1,
            Fate::CutAsking | Fate::ShortAsking | Fate::ShortAnswer => harm.truncated += 1,
            Fate::Twice => harm.repeated += 1,
            Fate::Late => harm.reordered += 1,
        }
        fate
    }

    /// One call: `ask` carries it and hears the answer, `keep` makes one that can be sent later.
    fn call<T>(
        &self,
        ask: impl Fn(&Model) -> Result<T, Problem>,
        keep: impl FnOnce() -> Call,
    ) -> Ready<Result<T, Trouble>> {
        let late = std::mem::take(&mut self.state().on_the_way);
        let answer = self.meet(self.fate(), ask, keep);
        late.into_iter().for_each(|call| self.arrive(call));
        ready(answer)
    }

    fn meet<T>(
        &self,
        fate: Fate,
        ask: impl Fn(&Model) -> Result<T, Problem>,
        keep: impl FnOnce() -> Call,
    ) -> Result<T, Trouble> {
        let asked = || {
            self.model.at(self.world.now());
            ask(&self.model)
        };
        match fate {
            Fate::Passes => asked().map_err(Trouble::Told),
            Fate::Lost | Fate::CutAsking => Err(cut()),
            Fate::ShortAsking => {
                Err(Trouble::Told(Problem::new("unreadable", "only a part of this arrived; ask again")))
            }
            Fate::AnswerLost => {
                _ = asked();
                Err(cut())
            }
            Fate::ShortAnswer => {
                _ = asked();
                Err(Trouble::Garbled(Problem::new("unreadable", "only a part of the answer arrived")))
            }
            Fate::Twice => {
                _ = asked();
                asked().map_err(Trouble::Told)
            }
            Fate::Late => {
                self.state().on_the_way.push(keep());
                Err(cut())
            }
        }
    }

    /// A late call arrives; nobody hears the answer.
    fn arrive(&self, call: Call) {
        let (model, node_id) = (&self.model, self.node_id);
        model.at(self.world.now());
        match call {
            Call::Push(standing, push) => _ = model.push(node_id, standing, &push),
            Call::Report(standing, report) => _ = model.report(node_id, standing, &report),
            Call::Pull(standing, cursor) => _ = model.pull(node_id, standing, cursor.as_deref()),
            Call::BeginLife(standing, wanted) => _ = model.begin_life(node_id, standing, &wanted),
        }
    }
}

fn cut() -> Trouble {
    Trouble::Cut("the line broke".to_owned())
}

impl Remote for ModelLine {
    fn push(&self, standing: Standing, push: &Push) -> impl Future<Output = Result<Pushed, Trouble>> + Send {
        let keep = || Call::Push(standing, push.clone());
        self.call(|model| model.push(self.node_id, standing, push), keep)
    }

    fn report(&self, standing: Standing, report: &Report) -> impl Future<Output = Result<Reported, Trouble>> + Send {
        let keep = || Call::Report(standing, report.clone());
        self.call(|model| model.report(self.node_id, standing, report), keep)
    }

    fn pull(
        &self,
        standing: Standing,
        cursor: Option<&str>,
        _wait_seconds: u64,
    ) -> impl Future<Output = Result<Pulled, Trouble>> + Send {
        let keep = || Call::Pull(standing, cursor.map(str::to_owned));
        self.call(|model| model.pull(self.node_id, standing, cursor), keep)
    }

    fn begin_life(
        &self,
        standing: Standing,
        wanted: &LifeWanted,
    ) -> impl Future<Output = Result<Born, Trouble>> + Send {
        let keep = || Call::BeginLife(standing, wanted.clone());
        self.call(|model| model.begin_life(self.node_id, standing, wanted), keep)
    }
}

impl Weather for ModelLine {
    fn weather(&self, seed: u64, in_a_hundred: usize) {
        self.state().weather = Some((Chance::of(seed), in_a_hundred));
    }

    fn cut(&self) {
        self.state().is_cut = true;
    }

    fn mend(&self) {
        let mut state = self.state();
        (state.is_cut, state.weather) = (false, None);
    }

    fn is_late(&self) -> bool {
        !self.state().on_the_way.is_empty()
    }

    fn harm(&self) -> Harm {
        self.state().harm
    }
}
