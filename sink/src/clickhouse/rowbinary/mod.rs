//! RowBinary, for exactly the kinds of values that the rows have: how each lies on the wire, and which columns take it so.
//!
//! Each field says both at compile time, so that a table is held against a row once and no value is checked again. A kind that
//! is not here does not compile.

use schemas::{Day, Micros, TimestampMs};

/// A value of a row.
pub(super) trait Field {
    /// Whether a column of this type reads what [`Field::put`] writes, and as what it means.
    fn fits(column: &str) -> bool;
    /// Appends the value as the server reads it.
    fn put(&self, out: &mut Vec<u8>);
}

/// A field as a column must hold it.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) fits: fn(&str) -> bool,
    /// For people.
    pub(super) kind: &'static str,
}

/// A row of a table.
pub(super) trait Row {
    const COLUMNS: &'static [Column];
    /// Appends the fields in the order of [`Row::COLUMNS`].
    fn put(&self, out: &mut Vec<u8>);
}

/// Makes each struct a [`Row`] whose columns are its fields.
macro_rules! rows {
    ($($(#[$meta:meta])* struct $row:ident<$life:lifetime> { $($field:ident: $kind:ty,)+ })+) => {$(
        $(#[$meta])*
        pub(super) struct $row<$life> { $(pub(super) $field: $kind,)+ }

        impl<$life> Row for $row<$life> {
            const COLUMNS: &'static [Column] = &[
                $(Column { name: stringify!($field), fits: <$kind as Field>::fits, kind: stringify!($kind) },)+
            ];

            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)+
            }
        }
    )+};
}
pub(super) use rows;

/// Bytes of any kind, in a column of texts.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

/// A number of items or bytes, as LEB128: seven bits in each byte, lowest first, and a high bit while more follow.
pub(super) fn put_length(length: usize, out: &mut Vec<u8>) {
    let mut rest = length;
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// What stands inside `wrapper(…)`.
fn within<'t>(column: &'t str, wrapper: &str) -> Option<&'t str> {
    column.strip_prefix(wrapper)?.strip_prefix('(')?.strip_suffix(')')
}

/// A column that keeps its values in a dictionary takes them as others do.
fn without_dictionary(column: &str) -> &str {
    within(column, "LowCardinality").unwrap_or(column)
}

/// Whether the columns of a tuple are these, in this order.
pub(super) fn tuple_fits(column: &str, kinds: &[fn(&str) -> bool]) -> bool {
    let Some(inside) = within(column, "Tuple") else { return false };
    let mut depth = 0_usize;
    let parts = inside.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    let parts: Vec<&str> = parts.map(str::trim).collect();
    parts.len() == kinds.len() && parts.iter().zip(kinds).all(|(part, fits)| fits(part))
}

impl Field for &str {
    fn fits(column: &str) -> bool {
        without_dictionary(column) == "String"
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), out);
    }
}

impl Field for String {
    fn fits(column: &str) -> bool {
        <&str>::fits(column)
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), out);
    }
}

impl Field for Bytes<'_> {
    fn fits(column: &str) -> bool {
        <&str>::fits(column)
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.0, out);
    }
}

macro_rules! numbers {
    ($($kind:ty: $column:literal,)+) => {$(
        impl Field for $kind {
            fn fits(column: &str) -> bool {
                column == $column
            }

            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )+};
}
numbers! { u8: "UInt8", i32: "Int32", u64: "UInt64", i64: "Int64", f64: "Float64", }

impl Field for bool {
    fn fits(column: &str) -> bool {
        column == "Bool"
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Field for Day {
    fn fits(column: &str) -> bool {
        column == "Date32"
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
}

impl Field for TimestampMs {
    /// Of whatever time zone: that is only how the server prints it.
    fn fits(column: &str) -> bool {
        let precision = within(column, "DateTime64").and_then(|inside| inside.split(',').next());
        precision == Some("3")
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
}

impl Field for Micros {
    /// A decimal is its digits without the point: six must stand behind it, and ten to eighteen digits take eight bytes.
    fn fits(column: &str) -> bool {
        let digits = within(column, "Decimal").and_then(|inside| inside.strip_suffix(", 6"));
        digits.and_then(|digits| digits.parse::<u8>().ok()).is_some_and(|digits| (10..=18).contains(&digits))
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
}

impl<T: Field> Field for Option<T> {
    fn fits(column: &str) -> bool {
        within(without_dictionary(column), "Nullable").is_some_and(T::fits)
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => {
                out.push(0);
                value.put(out);
            }
            None => out.push(1),
        }
    }
}

impl<T: Field> Field for &[T] {
    fn fits(column: &str) -> bool {
        within(column, "Array").is_some_and(T::fits)
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        for item in *self {
            item.put(out);
        }
    }
}

#[cfg(test)]
mod tests;
