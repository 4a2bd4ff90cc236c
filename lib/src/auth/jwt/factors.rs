//! Whether somebody signed in with more than one factor.

use std::collections::BTreeSet;

/// What kind of proof an authentication method is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Something one knows.
    Knowledge,
    /// Something one has.
    Possession,
    /// Something one is.
    Inherence,
}

/// The kind of a method of IANA's registry "Authentication Method Reference Values" (RFC 8176), and of `fido` as Entra ID
/// says it. `None` for what proves nothing by itself: where somebody is (`geo`), how risky it looks (`rba`), that somebody
/// was there (`user`), who signed in to Windows (`wia`), over how many channels (`mca`); and for unknown names.
fn kind(method: &str) -> Option<Kind> {
    Some(match method {
        "kba" | "pin" | "pwd" => Kind::Knowledge,
        "fido" | "hwk" | "otp" | "pop" | "sc" | "sms" | "swk" | "tel" => Kind::Possession,
        "face" | "fpt" | "iris" | "retina" | "vbm" => Kind::Inherence,
        _ => return None,
    })
}

/// Whether the methods say `mfa`, or are of two kinds: several of one kind are one factor.
pub(super) fn are_several(methods: &[&str]) -> bool {
    let kinds: BTreeSet<Kind> = methods.iter().filter_map(|method| kind(method)).collect();
    methods.contains(&"mfa") || kinds.len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IANA's whole registry, in its order, with the letter of the kind.
    const REGISTRY: [(&str, char); 21] = [
        ("face", 'i'),
        ("fpt", 'i'),
        ("geo", '-'),
        ("hwk", 'p'),
        ("iris", 'i'),
        ("kba", 'k'),
        ("mca", '-'),
        ("mfa", 'm'),
        ("otp", 'p'),
        ("pin", 'k'),
        ("pop", 'p'),
        ("pwd", 'k'),
        ("rba", '-'),
        ("retina", 'i'),
        ("sc", 'p'),
        ("sms", 'p'),
        ("swk", 'p'),
        ("tel", 'p'),
        ("user", '-'),
        ("vbm", 'i'),
        ("wia", '-'),
    ];

    #[test]
    fn one_method_of_the_registry_is_never_mfa_but_mfa_itself() {
        for (method, kind) in REGISTRY {
            assert_eq!(are_several(&[method]), kind == 'm', "{method}");
            assert_eq!(are_several(&[method, method]), kind == 'm', "{method} twice");
        }
    }

    #[test]
    fn two_methods_of_the_registry_are_mfa_if_they_are_of_different_kinds() {
        for (one, its) in REGISTRY {
            for (other, others) in REGISTRY {
                let mfa = its == 'm' || others == 'm' || (its != '-' && others != '-' && its != others);
                assert_eq!(are_several(&[one, other]), mfa, "{one} {other}");
            }
        }
    }

    #[test]
    fn names_outside_the_registry_count_for_nothing() {
        let cases: [(&[&str], bool); 8] = [
            (&[], false),
            (&["fido"], false),
            (&["fido", "hwk"], false),
            (&["pwd", "fido"], true),
            (&["pwd", "MFA"], false),
            (&["pwd", "OTP"], false),
            (&["pwd", "rsa", "ngcmfa"], false),
            (&["pwd", "kba", "pin", "geo", "user"], false),
        ];
        for (methods, mfa) in cases {
            assert_eq!(are_several(methods), mfa, "{methods:?}");
        }
    }
}
