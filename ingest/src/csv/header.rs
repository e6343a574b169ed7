//! Which column holds what. Names match whole, apart from case and spaces; fields claim columns in a fixed order and
//! the user's assignments come before the profile's, so no column is taken twice. Nothing is guessed from parts of
//! a name: "Цена за результаты" contains "результат" and is not results.

use super::options::{CsvOptions, Field};
use super::profile::Profile;
use crate::{CsvError, currency};

/// The columns of a file.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) names: Vec<String>,
    /// The column of each field, by the field's number.
    at: [Option<usize>; Field::ALL.len()],
    /// The user takes a column as the campaign that the profile does not know as an id.
    pub(super) campaign_is_name: bool,
}

impl Header {
    /// Assigns columns to fields.
    pub(super) fn assign(
        names: Vec<String>,
        profile: &Profile,
        options: &CsvOptions,
    ) -> Result<Self, CsvError> {
        let plain: Vec<String> = names.iter().map(|name| normalized(name)).collect();
        let mut header = Self { names, at: [None; Field::ALL.len()], campaign_is_name: false };
        for (column, field) in &options.map {
            let found = header.only(&plain, &normalized(column))?.ok_or_else(|| {
                CsvError::Mapping(format!(
                    "there is no column {column:?}; the columns are: {}",
                    header.listed()
                ))
            })?;
            if header.claimed(found) || header.column(*field).is_some() {
                return Err(CsvError::Mapping(format!(
                    "--map {column:?}={field}: a column has one field and a field one column"
                )));
            }
            header.at[*field as usize] = Some(found);
            header.campaign_is_name |= *field == Field::Campaign;
        }
        for field in Field::ALL {
            if header.column(field).is_some() {
                continue;
            }
            for alias in profile.columns.get(&field).into_iter().flatten() {
                if let Some(found) = header.only(&plain, &normalized(alias))? {
                    header.at[field as usize] = Some(found);
                    break;
                }
            }
        }
        Ok(header)
    }

    /// The column of a field.
    pub(super) fn column(&self, field: Field) -> Option<usize> {
        self.at[field as usize]
    }

    /// The field of a column.
    pub(super) fn field(&self, column: usize) -> Option<Field> {
        Field::ALL.into_iter().find(|field| self.column(*field) == Some(column))
    }

    /// Refuses a file that lacks a required column. Days may also come from the option, or from a period of one day.
    pub(super) fn check(&self, profile: &Profile, options: &CsvOptions) -> Result<(), CsvError> {
        let period = self.column(Field::PeriodStart).is_some() && self.column(Field::PeriodEnd).is_some();
        if let (Some(day), Some(column)) =
            (options.date, self.column(Field::Day).or(self.column(Field::PeriodStart)))
        {
            let name = &self.names[column];
            return Err(CsvError::Mapping(format!(
                "--date {day} is for files without dates, and this one has the column {name:?}; leave --date out"
            )));
        }
        for &field in &profile.required {
            let there = match field {
                Field::Day => self.column(field).is_some() || options.date.is_some() || period,
                _ => self.column(field).is_some(),
            };
            if !there {
                let (field, hint) = (field.to_string(), profile.hint(field));
                return Err(CsvError::ColumnMissing { field, hint, columns: self.listed() });
            }
        }
        Ok(())
    }

    /// The currency of all amounts: that of the header, else the column's (`None`), else the option's or the profile's.
    pub(super) fn currency(
        &self,
        profile: &Profile,
        options: &CsvOptions,
    ) -> Result<Option<&'static str>, CsvError> {
        let known = |code: &str, place: String| {
            currency::parse(code).ok_or_else(|| CsvError::CurrencyUnknown { code: code.to_owned(), place })
        };
        let option = match &options.currency {
            Some(code) => Some(known(code, "--currency".to_owned())?),
            None => None,
        };
        let mut header = None;
        for field in [Field::Spend, Field::PurchaseValue] {
            let Some(name) = self.column(field).map(|column| &self.names[column]) else { continue };
            let Some(code) = code_in(name) else { continue };
            let code = known(code, format!("in the column {name:?}"))?;
            if let Some(other) = header.or(option).filter(|other| *other != code) {
                return Err(CsvError::CurrencyConflict { header: code.to_owned(), option: other.to_owned() });
            }
            header = Some(code);
        }
        if header.is_some() {
            return Ok(header);
        }
        if self.column(Field::Currency).is_some() {
            return Ok(None);
        }
        match (option, &profile.currency) {
            (Some(code), _) => Ok(Some(code)),
            (None, Some(code)) => known(code, format!("in the profile {:?}", profile.name)).map(Some),
            (None, None) => Err(CsvError::CurrencyMissing),
        }
    }

    /// The one column of a name. Two of them are refused: nobody knows which is meant.
    fn only(&self, plain: &[String], name: &str) -> Result<Option<usize>, CsvError> {
        let mut columns = (0..plain.len()).filter(|&column| {
            !self.claimed(column) && (plain[column] == name || without_code(&plain[column]) == Some(name))
        });
        let first = columns.next();
        match (first, columns.next()) {
            (Some(first), Some(_)) => Err(CsvError::Mapping(format!(
                "two columns are called {:?}; remove one from the file",
                self.names[first]
            ))),
            _ => Ok(first),
        }
    }

    fn claimed(&self, column: usize) -> bool {
        self.at.contains(&Some(column))
    }

    fn listed(&self) -> String {
        const SHOWN: usize = 40;
        let mut listed =
            self.names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        if self.names.len() > SHOWN {
            listed.push_str(", …");
        }
        listed
    }
}

/// How many names of a header somebody knows: the user's assignments or a profile. For finding the delimiter.
pub(super) fn recognised(names: &[String], profiles: &[Profile], options: &CsvOptions) -> usize {
    let mapped = |name: &String| options.map.iter().any(|(column, _)| normalized(column) == *name);
    let known = |name: &String| {
        profiles.iter().flat_map(|profile| profile.columns.values().flatten()).any(|alias| {
            let alias = normalized(alias);
            alias == *name || without_code(name) == Some(alias.as_str())
        })
    };
    names.iter().map(|name| normalized(name)).filter(|name| mapped(name) || known(name)).count()
}

/// A name for comparison: lower case, single spaces.
pub(super) fn normalized(name: &str) -> String {
    let words: Vec<&str> = name.trim_matches('\u{feff}').split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// The currency code at the end of a name, such as `Amount spent (USD)`.
fn code_in(name: &str) -> Option<&str> {
    let (_, code) = name.trim().strip_suffix(')')?.rsplit_once('(')?;
    (code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
}

/// A normalized name without the code at its end. `(all)` is not one: no currency is called so in a header.
fn without_code(name: &str) -> Option<&str> {
    let (rest, code) = name.strip_suffix(')')?.rsplit_once(" (")?;
    (code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_lowercase()) && code != "all").then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::options::ProfileChoice;
    use crate::csv::profile::candidates;

    fn assign(names: &[&str], options: &CsvOptions) -> Result<Header, CsvError> {
        let profile = &candidates(&ProfileChoice::Named("ads-manager".to_owned())).unwrap()[0];
        let header = Header::assign(names.iter().map(|&name| name.to_owned()).collect(), profile, options)?;
        header.check(profile, options)?;
        header.currency(profile, options)?;
        Ok(header)
    }

    #[test]
    fn names_that_only_resemble_a_column_are_left_alone() {
        let header = assign(
            &[
                "Показ кампании",
                "Цена за результаты",
                "Результаты",
                "Показы",
                "Сумма затрат (UAH)",
                "День",
                "Идентификатор кампании",
                "Clicks (all)",
                "CPC (all) (UAH)",
            ],
            &CsvOptions::default(),
        )
        .unwrap();
        assert_eq!(header.column(Field::Results), Some(2));
        assert_eq!(header.column(Field::Impressions), Some(3));
        assert_eq!(header.column(Field::Clicks), Some(7));
        assert_eq!([0, 1, 8].map(|column| header.field(column)), [None; 3]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let options = CsvOptions::default();
        let error =
            assign(&["Campaign name", "Day", "Amount spent (USD)", "Impressions"], &options).unwrap_err();
        assert!(matches!(&error, CsvError::ColumnMissing { field, .. } if field == "campaign"), "{error}");
        assert!(error.to_string().contains("--map \"Campaign name=campaign\""), "{error}");
        let error = assign(&["Campaign ID", "Day", "Amount spent", "Impressions"], &options).unwrap_err();
        assert!(matches!(error, CsvError::CurrencyMissing));
        let error =
            assign(&["Campaign ID", "Day", "Amount spent (QQQ)", "Impressions"], &options).unwrap_err();
        assert!(matches!(error, CsvError::CurrencyUnknown { .. }), "{error}");
        let options = CsvOptions { currency: Some("EUR".to_owned()), ..CsvOptions::default() };
        let error =
            assign(&["Campaign ID", "Day", "Amount spent (USD)", "Impressions"], &options).unwrap_err();
        assert!(matches!(error, CsvError::CurrencyConflict { .. }), "{error}");
    }

    #[test]
    fn assignments_of_the_user_come_first_and_must_fit() {
        let columns = ["Ad name", "Day", "Amount spent (USD)", "Impressions", "Campaign ID"];
        let with = |map: &[(&str, Field)]| {
            let map = map.iter().map(|(column, field)| ((*column).to_owned(), *field)).collect();
            assign(&columns, &CsvOptions { map, ..CsvOptions::default() })
        };
        let header = with(&[("ad  NAME", Field::Campaign)]).unwrap();
        assert_eq!(header.column(Field::Campaign), Some(0));
        assert!(header.campaign_is_name);
        assert!(matches!(with(&[("Adname", Field::Campaign)]), Err(CsvError::Mapping(_))));
        assert!(with(&[("Ad name", Field::Campaign), ("Ad name", Field::Spend)]).is_err());
        assert!(with(&[("Ad name", Field::Campaign), ("Campaign ID", Field::Campaign)]).is_err());
        let twice = ["Campaign ID", "Day", "Amount spent (USD)", "Impressions", "impressions"];
        assert!(matches!(assign(&twice, &CsvOptions::default()), Err(CsvError::Mapping(_))));
    }
}
