//! What identifies a person to a state: nationality, identity documents, registered addresses. Platforms with an electronic
//! know-your-customer process keep it beside the standard claims and give it to few.
//!
//! It is apart from [`crate::claims`], so that no `claims` parameter and no standard scope can ask for it.

use serde::{Deserialize, Serialize};

/// What is known of a person; a member that is not known is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityRecord {
    /// The nationality, best as ISO 3166-1 has it: `VN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nationality: Option<String>,
    /// The documents that were seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<Vec<IdentityDocument>>,
    /// Where the person is registered or lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<RegisteredAddress>>,
}

/// A document that a state gave out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityDocument {
    /// Its number.
    pub number: String,
    /// Which it is.
    #[serde(rename = "type")]
    pub kind: IdentityDocumentKind,
    /// Where it was given out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue_place: Option<String>,
    /// When: `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue_date: Option<String>,
}

/// The kinds of documents, by their Vietnamese abbreviations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum IdentityDocumentKind {
    /// Chứng minh thư: the identity card of nine or twelve digits.
    Cmt,
    /// Căn cước công dân: the citizen's card that replaced it.
    Cccd,
    /// Hộ chiếu: the passport.
    Hc,
}

/// An address as the Vietnamese administration divides the country.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredAddress {
    /// What it is to the person; the platform gives the numbers their meaning.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<u32>,
    /// House number and street.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Phường, xã: ward or commune.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commune: Option<String>,
    /// Quận, huyện: district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub district: Option<String>,
    /// Tỉnh, thành phố: province or city.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
}

impl IdentityRecord {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This, and of what it does not say, what `standing` says.
    #[must_use]
    pub fn over(self, standing: Self) -> Self {
        Self {
            nationality: self.nationality.or(standing.nationality),
            documents: self.documents.or(standing.documents),
            addresses: self.addresses.or(standing.addresses),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_read_whole_or_not_at_all() {
        let full = json!({
            "nationality": "VN",
            "documents": [
                { "number": "079190000001", "type": "CCCD", "issue_place": "Cục Cảnh sát", "issue_date": "2021-04-25" },
                { "number": "B1234567", "type": "HC" },
                { "number": "024000001", "type": "CMT" },
            ],
            "addresses": [{ "type": 1, "address": "1 Lê Lợi", "commune": "Bến Nghé", "district": "Quận 1", "city": "HCM" }],
        });
        let read: IdentityRecord = serde_json::from_value(full.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), full);
        for wrong in [
            json!({ "passport": "B1234567" }),
            json!({ "documents": [{ "number": "1", "type": "GPLX" }] }),
            json!({ "documents": [{ "type": "HC" }] }),
            json!({ "addresses": [{ "type": "home" }] }),
        ] {
            assert!(serde_json::from_value::<IdentityRecord>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_said_stays_as_it_was() {
        let nationality = |text: &str| Some(text.to_owned());
        let standing = IdentityRecord { nationality: nationality("VN"), documents: Some(vec![]), addresses: None };
        let said = IdentityRecord { nationality: nationality("FR"), ..IdentityRecord::default() };
        let expect = IdentityRecord { nationality: nationality("FR"), ..standing.clone() };
        assert_eq!(said.over(standing), expect);
    }
}
