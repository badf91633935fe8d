//! How each word is spelled in a column, in SQLite and in Postgres, side by side.
//!
//! Rust lets only the crate that owns a type say this, so it is here and not in the two machines;
//! each turns on its own engine. SQLite: ids are 16-byte blobs, money is in 1/10,000, time in
//! microseconds. Postgres: `uuid`, `numeric(18,4)`, `timestamptz`. Words are text in both.

use crate::{
    barcode::Barcode,
    clock::Timestamp,
    device::{IncarnationState, LifeReason, NodeKind},
    id::{
        AddressId, BackupId, CartId, CategoryId, ConcernId, DeliveryId, EpochId, HoldId, IncarnationId, NodeId,
        OrderId, OrderItemId, PaymentId, ProductId, ReturnId, ReviewId, RuleId, SynonymsId, TransferId, UserId,
        WarehouseId,
    },
    journal::Hash,
    money::{Currency, Money},
    op::OpKind,
    order::{Fulfilment, OrderStatus, PaymentStatus, Tender},
    people::{Rating, Role},
    quantity::{Amount, Unit},
    returned::Condition,
    rule::RuleSort,
    stock::{Reason, SalePolicy},
    verdict::ConcernKind,
    word::Word as _,
};

#[cfg(feature = "sqlite")]
mod sqlite {
    use super::*;
    use crate::counting::{CountingNumber, CountingState};
    use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
    use uuid::Uuid;

    macro_rules! ids {
        ($($id:ident)*) => {$(
            impl ToSql for $id {
                fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                    Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
                }
            }
            impl FromSql for $id {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    let bytes = value.as_blob()?;
                    Uuid::from_slice(bytes).map(Self).map_err(|error| FromSqlError::Other(Box::new(error)))
                }
            }
        )*};
    }

    macro_rules! integers {
        ($($type:ident: $read:expr, $write:expr;)*) => {$(
            impl ToSql for $type {
                fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                    let write: fn($type) -> i64 = $write;
                    Ok(write(*self).into())
                }
            }
            impl FromSql for $type {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    let read: fn(i64) -> Result<$type, crate::fault::Fault> = $read;
                    read(value.as_i64()?).map_err(|fault| FromSqlError::Other(Box::new(fault)))
                }
            }
        )*};
    }

    macro_rules! texts {
        ($($type:ident: $write:expr;)*) => {$(
            impl ToSql for $type {
                fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                    let write: fn(&$type) -> &str = $write;
                    Ok(ToSqlOutput::Borrowed(ValueRef::Text(write(self).as_bytes())))
                }
            }
            impl FromSql for $type {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    value.as_str()?.parse().map_err(|fault: crate::fault::Fault| FromSqlError::Other(Box::new(fault)))
                }
            }
        )*};
    }

    ids! {
        AddressId BackupId CartId CategoryId ConcernId DeliveryId EpochId HoldId IncarnationId NodeId OrderId
        OrderItemId PaymentId ProductId ReturnId ReviewId RuleId SynonymsId TransferId UserId WarehouseId
    }

    integers! {
        Timestamp: |micros| Ok(Timestamp::from_micros(micros)), Timestamp::micros;
        Money: Money::from_parts, Money::parts;
        Amount: Amount::new, Amount::units;
        Rating: Rating::try_from, i64::from;
        CountingNumber: |number| Ok(CountingNumber(number)), |number| number.0;
    }

    texts! {
        Currency: Currency::code;
        Barcode: Barcode::digits;
        Unit: |word| word.word();
        Role: |word| word.word();
        OrderStatus: |word| word.word();
        PaymentStatus: |word| word.word();
        Tender: |word| word.word();
        Fulfilment: |word| word.word();
        Reason: |word| word.word();
        Condition: |word| word.word();
        SalePolicy: |word| word.word();
        RuleSort: |word| word.word();
        CountingState: |word| word.word();
        NodeKind: |word| word.word();
        ConcernKind: |word| word.word();
        IncarnationState: |word| word.word();
        LifeReason: |word| word.word();
        OpKind: |word| word.word();
    }

    impl ToSql for Hash {
        fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
            Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
        }
    }

    impl FromSql for Hash {
        fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
            Hash::from_slice(value.as_blob()?).map_err(|fault| FromSqlError::Other(Box::new(fault)))
        }
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::*;
    use crate::settlement::Settlement;
    use bytes::BytesMut;
    use postgres_types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
    use rust_decimal::Decimal;
    use std::error::Error;
    use uuid::Uuid;

    type Boxed = Box<dyn Error + Sync + Send>;

    /// Spells a type in Postgres as another one that has a spelling.
    macro_rules! spelled_as {
        ($($type:ident as $spelling:ty: $read:expr, $write:expr;)*) => {$(
            impl ToSql for $type {
                fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
                    let write: fn(&$type) -> $spelling = $write;
                    write(self).to_sql(kind, out)
                }
                fn accepts(kind: &Type) -> bool {
                    <$spelling as ToSql>::accepts(kind)
                }
                to_sql_checked!();
            }
            impl<'a> FromSql<'a> for $type {
                fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Boxed> {
                    let read: fn($spelling) -> Result<$type, Boxed> = $read;
                    read(<$spelling as FromSql>::from_sql(kind, raw)?)
                }
                fn accepts(kind: &Type) -> bool {
                    <$spelling as FromSql>::accepts(kind)
                }
            }
        )*};
    }

    macro_rules! ids {
        ($($id:ident)*) => {
            spelled_as! { $($id as Uuid: |uuid| Ok($id(uuid)), |id| id.0;)* }
        };
    }

    macro_rules! words {
        ($($type:ident)*) => {
            spelled_as! { $($type as String: |word| Ok(word.parse()?), |value| value.word().to_owned();)* }
        };
    }

    ids! {
        AddressId BackupId CartId CategoryId ConcernId DeliveryId EpochId HoldId IncarnationId NodeId OrderId
        OrderItemId PaymentId ProductId ReturnId ReviewId RuleId SynonymsId TransferId UserId WarehouseId
    }

    words! {
        Unit Role OrderStatus PaymentStatus Tender Fulfilment Reason SalePolicy NodeKind IncarnationState
        ConcernKind Condition LifeReason OpKind RuleSort Settlement
    }

    spelled_as! {
        Money as Decimal: |decimal| Ok(Money::from_decimal(decimal)?), |money| money.to_decimal();
        Amount as i64: |units| Ok(Amount::new(units)?), |amount| amount.units();
        Rating as i32: |stars| Ok(Rating::try_from(i64::from(stars))?), |rating| rating.stars().into();
        Currency as String: |code| Ok(code.parse()?), |currency| currency.code().to_owned();
        Barcode as String: |digits| Ok(digits.parse()?), |barcode| barcode.digits().to_owned();
        Hash as Vec<u8>: |bytes| Ok(Hash::from_slice(&bytes)?), |hash| hash.0.to_vec();
    }

    /// Postgres counts microseconds from the year 2000.
    const YEAR_2000_MICROS: i64 = 946_684_800_000_000;

    /// The years 1 and 9999: what lies outside is a broken clock's, and Postgres would refuse the
    /// whole batch for it. The op's own bytes still say what the clock said.
    const KEPT: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

    impl ToSql for Timestamp {
        fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
            let kept = self.micros().clamp(*KEPT.start(), *KEPT.end());
            out.extend_from_slice(&(kept - YEAR_2000_MICROS).to_be_bytes());
            Ok(IsNull::No)
        }
        fn accepts(kind: &Type) -> bool {
            *kind == Type::TIMESTAMPTZ
        }
        to_sql_checked!();
    }

    impl<'a> FromSql<'a> for Timestamp {
        fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Boxed> {
            Ok(Self::from_micros(i64::from_be_bytes(raw.try_into()?).saturating_add(YEAR_2000_MICROS)))
        }
        fn accepts(kind: &Type) -> bool {
            *kind == Type::TIMESTAMPTZ
        }
    }
}
