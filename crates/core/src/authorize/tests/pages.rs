//! Which pages a request leads through: every combination of `prompt`, `max_age` and the session's age, each walked to its end.

use crate::authorize::{
    Acting, AuthorizationRequest, AuthorizeError, Browsing, Consents, Decision, Parameter, Progress, SessionView, Step,
    SubjectMatch, decide,
};
use crate::client::ConsentPolicy;
use crate::client::tests::client;
use crate::number::UserNumber;
use crate::realm::ConsentForm;
use crate::time::Micros;

use super::{ASKED, check, once, request, session, terms};

const SEEN_S: u32 = 100_000;
const AN: UserNumber = UserNumber(1);
const BINH: UserNumber = UserNumber(2);

/// Who is at the browser, and what that person does on the page that asks for the account.
#[derive(Debug, Clone, Copy)]
struct Person {
    logs_in_as: UserNumber,
    wants_another: bool,
}

/// The pages that were shown, a letter each (l log in, a account, c consent), and how it ended.
type Walk = (String, Result<UserNumber, AuthorizeError>);

fn walk(
    (prompt, max_age): (&str, Option<u32>),
    session_age_s: Option<u32>,
    named: Option<UserNumber>,
    (policy, person): (ConsentPolicy, Person),
) -> Walk {
    let prompt = if prompt.is_empty() { Parameter::Absent } else { once(prompt) };
    let max_age = max_age.map_or(Parameter::Absent, |seconds| once(&seconds.to_string()));
    let request = AuthorizationRequest { prompt, max_age, ..request() };
    let valid = check(Some(client(|metadata| metadata.consent = Some(policy))), &request).unwrap();
    let mut now = Micros::from_unix_s(SEEN_S);
    let mut progress = Progress::begun(now);
    let mut session = session_age_s.map(|age| SessionView { user: AN, authenticated: now.minus_s(age), ..session() });
    let (mut pages, mut decision) = (String::new(), None);
    // Nothing shows more pages than there are kinds of them, and a second log-in for another account.
    for _ in 0..5 {
        now = now.plus_s(1);
        let user = session.map(|session| session.user);
        let subject =
            if named.is_some() && user.is_some() && named != user { SubjectMatch::Other } else { SubjectMatch::Fits };
        let consents = Some(Consents { scope: ASKED });
        let browsing = Browsing { session: session.as_ref(), subject, acting: Acting::Alone, consents, decision };
        match decide(&valid, browsing, &progress, terms(ConsentForm::Full)) {
            Step::LogIn => {
                pages.push('l');
                session = Some(SessionView { user: person.logs_in_as, authenticated: now, ..super::session() });
                progress = progress.logged_in(person.logs_in_as, now);
            }
            Step::ChooseAccount => {
                pages.push('a');
                progress = if person.wants_another { progress.wants_another(now) } else { progress.chose(AN) };
            }
            Step::ChooseOrganization => panic!("nobody acts for an organization"),
            Step::AskConsent { .. } => {
                pages.push('c');
                decision = Some(Decision::Allow { ticked: ASKED });
            }
            Step::Respond { .. } => return (pages, Ok(session.unwrap().user)),
            Step::Refuse(error) => return (pages, Err(error)),
        }
    }
    panic!("it does not end: {pages}");
}

const STAYS: Person = Person { logs_in_as: AN, wants_another: false };
const CHANGES: Person = Person { logs_in_as: BINH, wants_another: true };

#[test]
fn every_combination_of_prompt_max_age_and_session_ends_and_shows_each_page_once() {
    const NONE: Option<u32> = None;
    let (fresh, old) = (Some(10), Some(1_000));
    // prompt, max_age, then the pages without a session, with a fresh one, with an old one. The remembered consent is enough.
    let table: [(&str, Option<u32>, [&str; 3]); 32] = [
        ("", NONE, ["l", "", ""]),
        ("", Some(0), ["l", "l", "l"]),
        ("", Some(100), ["l", "", "l"]),
        ("", Some(u32::MAX), ["l", "", ""]),
        ("login", NONE, ["l", "l", "l"]),
        ("login", Some(0), ["l", "l", "l"]),
        ("login", Some(100), ["l", "l", "l"]),
        ("login", Some(u32::MAX), ["l", "l", "l"]),
        ("consent", NONE, ["lc", "c", "c"]),
        ("consent", Some(0), ["lc", "lc", "lc"]),
        ("consent", Some(100), ["lc", "c", "lc"]),
        ("consent", Some(u32::MAX), ["lc", "c", "c"]),
        ("select_account", NONE, ["l", "a", "a"]),
        ("select_account", Some(0), ["l", "l", "l"]),
        ("select_account", Some(100), ["l", "a", "l"]),
        ("select_account", Some(u32::MAX), ["l", "a", "a"]),
        ("login consent", NONE, ["lc", "lc", "lc"]),
        ("login consent", Some(0), ["lc", "lc", "lc"]),
        ("login consent", Some(100), ["lc", "lc", "lc"]),
        ("consent login", Some(u32::MAX), ["lc", "lc", "lc"]),
        ("login select_account", NONE, ["l", "l", "l"]),
        ("login select_account", Some(0), ["l", "l", "l"]),
        ("login select_account", Some(100), ["l", "l", "l"]),
        ("select_account login", Some(u32::MAX), ["l", "l", "l"]),
        ("select_account consent", NONE, ["lc", "ac", "ac"]),
        ("select_account consent", Some(0), ["lc", "lc", "lc"]),
        ("select_account consent", Some(100), ["lc", "ac", "lc"]),
        ("consent select_account", Some(u32::MAX), ["lc", "ac", "ac"]),
        ("login consent select_account", NONE, ["lc", "lc", "lc"]),
        ("login consent select_account", Some(0), ["lc", "lc", "lc"]),
        ("login consent select_account", Some(100), ["lc", "lc", "lc"]),
        ("select_account consent login", Some(u32::MAX), ["lc", "lc", "lc"]),
    ];
    for (prompt, max_age, expect) in table {
        for (age, pages) in [NONE, fresh, old].into_iter().zip(expect) {
            let case = format!("{prompt:?} {max_age:?} {age:?}");
            let who = (ConsentPolicy::Remembered, STAYS);
            assert_eq!(walk((prompt, max_age), age, None, who), (pages.to_owned(), Ok(AN)), "{case}");
            // Whoever wants another account logs in as that one, and is not asked again.
            let another = pages.replace('a', "al");
            let user = if another.contains('l') { BINH } else { AN };
            let who = (ConsentPolicy::Remembered, CHANGES);
            assert_eq!(walk((prompt, max_age), age, None, who), (another, Ok(user)), "{case}, another account");
        }
    }
}

#[test]
fn prompt_none_shows_no_page_and_says_what_is_missing() {
    use AuthorizeError::{ConsentRequired, LogInRequired};
    use ConsentPolicy::{Always, Never, Remembered};
    for (max_age, age, policy, expect) in [
        (None, None, Remembered, Err(LogInRequired)),
        (None, None, Never, Err(LogInRequired)),
        (None, Some(10), Remembered, Ok(AN)),
        (None, Some(10), Never, Ok(AN)),
        (None, Some(10), Always, Err(ConsentRequired)),
        (Some(0), Some(10), Remembered, Err(LogInRequired)),
        (Some(0), Some(10), Always, Err(LogInRequired)),
        (Some(9), Some(10), Remembered, Err(LogInRequired)),
        (Some(10), Some(10), Remembered, Ok(AN)),
        (Some(u32::MAX), Some(10), Remembered, Ok(AN)),
    ] {
        let found = walk(("none", max_age), age, None, (policy, STAYS));
        assert_eq!(found, (String::new(), expect), "{max_age:?} {age:?} {policy:?}");
    }
}

#[test]
fn whoever_is_named_must_be_who_logs_in() {
    let refused = Err(AuthorizeError::LogInRequired);
    let is_binh = Person { logs_in_as: BINH, wants_another: false };
    for (prompt, age, named, person, expect) in [
        ("", Some(10), AN, STAYS, ("", Ok(AN))),
        ("", Some(10), BINH, is_binh, ("l", Ok(BINH))),
        ("", None, BINH, is_binh, ("l", Ok(BINH))),
        ("", None, BINH, STAYS, ("l", refused)),
        ("", Some(10), BINH, STAYS, ("l", refused)),
        ("login", Some(10), AN, is_binh, ("l", refused)),
        ("select_account", Some(10), BINH, is_binh, ("l", Ok(BINH))),
        ("select_account", Some(10), AN, CHANGES, ("al", refused)),
        ("consent", Some(10), BINH, is_binh, ("lc", Ok(BINH))),
        ("none", Some(10), AN, STAYS, ("", Ok(AN))),
        ("none", Some(10), BINH, STAYS, ("", refused)),
    ] {
        let found = walk((prompt, None), age, Some(named), (ConsentPolicy::Remembered, person));
        assert_eq!(found, (expect.0.to_owned(), expect.1), "{prompt:?} {age:?} {named:?} {person:?}");
    }
}

#[test]
fn prompt_consent_asks_whatever_is_remembered_or_never_asked() {
    for policy in [ConsentPolicy::Never, ConsentPolicy::Remembered, ConsentPolicy::Always] {
        assert_eq!(walk(("consent", None), Some(10), None, (policy, STAYS)), ("c".to_owned(), Ok(AN)), "{policy:?}");
    }
}

#[test]
fn a_log_in_settles_its_demand_even_if_the_clocks_differ() {
    let seen = Micros::from_unix_s(SEEN_S);
    let early = Micros(seen.0 - 20_000);
    let progress = Progress::begun(seen).wants_another(seen).logged_in(BINH, early);
    assert_eq!(
        progress,
        Progress { first_seen: early, log_in_since: Some(early), chosen: Some(BINH), organization: None }
    );
}
