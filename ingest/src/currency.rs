//! The currencies of ISO 4217 that amounts may be in.

/// Active codes, sorted. Funds codes, metals and test codes are left out: nobody advertises in them.
const CODES: [&str; 156] = [
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD",
    "BIF", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY",
    "COP", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP",
    "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF", "IDR", "ILS",
    "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD",
    "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU",
    "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN",
    "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK",
    "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP",
    "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF",
    "XCD", "XOF", "XPF", "YER", "ZAR", "ZMW",
];

/// The code as ISO writes it, if there is such a currency. Case does not matter, anything else does.
pub(crate) fn parse(text: &str) -> Option<&'static str> {
    let mut upper = [0_u8; 3];
    if text.len() != upper.len() {
        return None;
    }
    upper.copy_from_slice(text.as_bytes());
    upper.make_ascii_uppercase();
    CODES.binary_search_by(|code| code.as_bytes().cmp(&upper)).ok().map(|at| CODES[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_found_in_any_case() {
        assert!(CODES.is_sorted());
        assert!(CODES.iter().all(|code| parse(&code.to_lowercase()) == Some(code)));
        for text in ["", "EU", "EURO", "XXX", "€€", "US$"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
