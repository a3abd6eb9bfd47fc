//! What holds for every page: everything is escaped, nothing runs or leads where nobody asked, the ids stay.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::borrow::Cow;

use kimbai_pages::{
    ASSETS_PATH, Account, Caching, ClientCard, ClientLine, CommandLine, Consent, ConsentOrganization, ConsentSheet,
    EndpointLine, ErrorPage, FormPost, Frame, Language, Login, LoginDress, LoginError, Logout, OrganizationChoice,
    OrganizationLine, Outcome, PartnerLine, PersonLine, Problem, RealmLink, RequestLine, SandboxCallback, SandboxIndex,
    ScopeLine, account, asset, asset_names, consent, consent_sheet, error, form_post, login, logout, organization,
    sandbox_callback, sandbox_index, sandbox_requests,
};

mod samples;

const HOSTILE: &str = "<script>\"'&";
const HOSTILE_URI: &str = "https://hostile.example/<script>\"'&";

fn hostile_pages(language: Language) -> Vec<(&'static str, usize, String)> {
    let frame = Frame { language, realm: HOSTILE, request_id: HOSTILE };
    let client = ClientCard { name: HOSTILE, logo_uri: Some(HOSTILE_URI), home_uri: Some(HOSTILE_URI) };
    let (action, hidden) = (HOSTILE, &[(HOSTILE, HOSTILE)][..]);
    let wrong = Some(LoginError::WrongPassword);
    let scope = |optional| ScopeLine { name: HOSTILE, description: HOSTILE, optional };
    let scopes = &[scope(true), scope(false)];
    let (policy_uri, tos_uri) = (Some(HOSTILE_URI), Some(HOSTILE_URI));
    let redirect_host = HOSTILE;
    let asked = Consent {
        action,
        hidden,
        client,
        user_name: HOSTILE,
        organization: Some(ConsentOrganization { name: HOSTILE, label: "demo-shop" }),
        scopes,
        redirect_host,
        policy_uri,
        tos_uri,
    };
    let problem =
        ErrorPage { problem: Problem::RedirectUri, error: HOSTILE, hint: Some(HOSTILE), back: Some(HOSTILE_URI) };
    let dress = LoginDress { background_uri: Some(HOSTILE_URI), hotline: Some(HOSTILE), support_email: Some(HOSTILE) };
    let form = Login { action, hidden, username: HOSTILE, client, error: wrong, cancel: Some(HOSTILE_URI), dress };
    let callback = |outcome| SandboxCallback { parameters: &[(HOSTILE, HOSTILE)], outcome };
    let line = RequestLine {
        id: HOSTILE,
        at: HOSTILE,
        method: HOSTILE,
        path: HOSTILE,
        status: 400,
        reason: Some(HOSTILE),
        mistake: Some(HOSTILE),
        explanation: Some(HOSTILE),
    };
    let people = &[PersonLine { username: HOSTILE, password: HOSTILE, name: HOSTILE }];
    let sheet = |result| ConsentSheet { action, hidden, client, scopes, people, result };
    let asked_account = Account { action, hidden, client, user_name: HOSTILE };
    let post = FormPost { action, parameters: hidden, client_name: HOSTILE };
    let asked_out = Logout { action, hidden, user_name: HOSTILE, client_name: Some(HOSTILE) };
    // The number: how many values of each page are hostile, title and header of the frame included.
    vec![
        ("login", 3 + 12, login(&frame, &form)),
        ("consent", 3 + 16, consent(&frame, &asked)),
        ("account", 3 + 7, account(&frame, &asked_account)),
        ("organization", 3 + 17, organization(&frame, &HOSTILE_CHOICE)),
        ("form_post", 3 + 4, form_post(&frame, &post)),
        ("logout", 3 + 5, logout(&frame, &asked_out)),
        ("error", 3 + 3, error(&frame, &problem)),
        ("sandbox_index", 4 + 22, sandbox_index(&frame, &HOSTILE_INDEX)),
        ("code", 3 + 4, sandbox_callback(&frame, &callback(Outcome::Code { code: HOSTILE, command: HOSTILE }))),
        (
            "refusal",
            3 + 4,
            sandbox_callback(&frame, &callback(Outcome::Error { error: HOSTILE, explanation: HOSTILE })),
        ),
        ("sandbox_requests", 3 + 7, sandbox_requests(&frame, &[line])),
        ("sheet", 3 + 14, consent_sheet(&frame, &sheet(None))),
        ("sheet's result", 3 + 13, consent_sheet(&frame, &sheet(Some(HOSTILE)))),
    ]
}

const HOSTILE_CHOICE: OrganizationChoice<'static> = OrganizationChoice {
    action: HOSTILE,
    hidden: &[(HOSTILE, HOSTILE)],
    client: ClientCard { name: HOSTILE, logo_uri: Some(HOSTILE_URI), home_uri: Some(HOSTILE_URI) },
    user_name: HOSTILE,
    organizations: &[
        OrganizationLine { label: HOSTILE, name: HOSTILE, is_enough: true },
        OrganizationLine { label: HOSTILE, name: HOSTILE, is_enough: false },
    ],
};

const HOSTILE_INDEX: SandboxIndex<'static> = SandboxIndex {
    issuer: HOSTILE,
    endpoints: &[EndpointLine { name: HOSTILE, url: HOSTILE }],
    clients: &[ClientLine {
        name: HOSTILE,
        client_id: HOSTILE,
        client_secret: Some(HOSTILE),
        auth_method: HOSTILE,
        partner: Some(PartnerLine {
            partner_code: HOSTILE,
            envelope_key: HOSTILE,
            deviations: &[(HOSTILE, Cow::Borrowed(HOSTILE))],
        }),
        redirect_uris: &[HOSTILE],
        scopes: &[HOSTILE],
        try_uri: Some(HOSTILE_URI),
    }],
    people: &[PersonLine { username: HOSTILE, password: HOSTILE, name: HOSTILE }],
    commands: &[CommandLine { title: HOSTILE, command: HOSTILE }],
    realms: &[RealmLink { name: HOSTILE, url: HOSTILE_URI }],
    requests_uri: HOSTILE_URI,
};

#[test]
fn every_value_on_every_page_is_escaped() {
    for language in Language::ALL {
        for (name, values, html) in hostile_pages(language) {
            let scripts = usize::from(name == "form_post");
            assert_eq!(html.matches("<script").count(), scripts, "{name}");
            assert!(!html.contains("\"'&"), "{name}: {html}");
            let escaped = html.matches("&#60;script&#62;&#34;&#39;&#38;").count();
            assert_eq!(escaped, values, "{name}: a value is missing or came unescaped");
        }
    }
}

#[test]
fn no_page_carries_a_script_a_style_or_a_missing_text() {
    for language in Language::ALL {
        for (name, html) in samples::pages(language) {
            let lower = html.to_lowercase();
            // One page has a script, which is a file of ours.
            let of_ours = lower.matches("<script src=\"/assets/form-post-").count();
            assert_eq!((lower.matches("<script").count(), of_ours), if name == "form-post" { (1, 1) } else { (0, 0) });
            for forbidden in ["<style", " style=", "javascript:", "<iframe", "<base", "data:", "{{", "{%"] {
                assert!(!lower.contains(forbidden), "{name} has {forbidden}");
            }
            for event in ["onclick", "onload", "onsubmit", "onerror", "onfocus", "onchange"] {
                assert!(!lower.contains(event), "{name} has {event}");
            }
            assert!(html.starts_with(&format!("<!doctype html>\n<html lang=\"{}\">", language.tag())), "{name}");
            assert_eq!(html.matches("<h1").count(), 1, "{name} has one heading");
        }
    }
}

#[test]
fn a_page_refers_only_to_its_assets_and_to_addresses_given() {
    let given = [
        "/sc/oauth2/auth",
        "https://demo-shop.example/",
        "tel:+84",
        "mailto:hotro@demo-shop.example",
        "http://localhost:",
        "/authorize?",
        "/",
        "https://example.com/callback",
    ];
    for language in Language::ALL {
        for (name, html) in samples::pages(language) {
            for attribute in ["href=\"", "src=\"", "action=\""] {
                for rest in html.split(attribute).skip(1) {
                    let address = rest.split('"').next().unwrap();
                    match address.strip_prefix(ASSETS_PATH) {
                        Some(file) => assert!(asset(file).is_some(), "{name}: {address}"),
                        None => assert!(
                            given.iter().any(|known| address.starts_with(known)) || address.contains("khuyen-mai"),
                            "{name}: {address}"
                        ),
                    }
                    assert!(!address.starts_with("//"), "{name}: {address}");
                }
            }
        }
    }
}

#[test]
fn scriptable_addresses_are_left_out() {
    let frame = Frame { language: Language::En, realm: "r", request_id: "" };
    let uri = "javascript:alert(1)";
    let client = ClientCard { name: "c", logo_uri: Some("data:image/svg+xml,x"), home_uri: Some(uri) };
    let dress = LoginDress { background_uri: Some("data:image/png,x"), ..LoginDress::default() };
    let form = Login { action: "/", hidden: &[], username: "", client, error: None, cancel: Some(uri), dress };
    let (policy_uri, tos_uri) = (Some(uri), Some(uri));
    let (action, hidden) = ("/", &[][..]);
    let asked = Consent {
        action,
        hidden,
        client,
        user_name: "u",
        organization: None,
        scopes: &[],
        redirect_host: "h",
        policy_uri,
        tos_uri,
    };
    let page = ErrorPage { problem: Problem::NotFound, error: "e", hint: None, back: Some(uri) };
    for html in [login(&frame, &form), consent(&frame, &asked), error(&frame, &page)] {
        assert!(!html.contains("javascript:") && !html.contains("data:"), "{html}");
    }
}

#[test]
fn the_ids_of_the_contract_exist_exactly_once() {
    let ids = |page: &str, expected: &[&str]| {
        for language in Language::ALL {
            let pages = samples::pages(language);
            let (_, html) = pages.iter().find(|(name, _)| name == page).unwrap();
            for id in expected {
                assert_eq!(html.matches(&format!(" id=\"{id}\"")).count(), 1, "{page}: {id}");
            }
            assert_eq!(html.matches(" id=\"error\"").count(), usize::from(expected.contains(&"error")), "{page}");
        }
    };
    ids("login", &["username", "password", "login"]);
    for refused in ["wrong-password", "throttled", "locked", "stale-form", "busy"] {
        ids(&format!("login-{refused}"), &["username", "password", "login", "error"]);
    }
    ids("consent", &["consent-allow", "consent-deny"]);
    ids("consent-documents", &["consent-policy", "consent-tos"]);
    ids("login-dressed", &["username", "password", "login", "hotline", "support-email"]);
    ids("account", &["account-continue", "account-another"]);
    ids("organization", &["organization-demo-shop", "organization-other-shop", "account-another", "organization-deny"]);
    ids("form-post", &["form-post"]);
    ids("logout", &["logout-confirm"]);
    ids("logged-out", &["logged-out"]);
    ids("error-ExpiredPage", &["error", "back"]);
    ids("sandbox-callback-code", &["code", "command"]);
    ids("sandbox-callback-error", &["error"]);
}

#[test]
fn the_log_in_form_is_one_that_password_managers_understand() {
    let (_, html) = samples::pages(Language::En).swap_remove(0);
    assert_eq!(html.matches("<form method=\"post\"").count(), 1);
    for part in ["autocomplete=\"username\"", "autocomplete=\"current-password\"", "name=\"continuation\""] {
        assert!(html.contains(part), "{part}");
    }
    for id in ["username", "password", "login"] {
        assert!(html.contains(&format!("id=\"{id}\" name=\"{id}\"")), "{id}");
    }
}

#[test]
fn only_optional_scopes_have_a_checkbox_and_deny_comes_first() {
    let pages = samples::pages(Language::En);
    let page = |wanted| &pages.iter().find(|(name, _)| name == wanted).unwrap().1;
    assert_eq!(page("consent").matches("type=\"checkbox\"").count(), 0);
    assert_eq!(page("consent-optional").matches("type=\"checkbox\" name=\"scope\"").count(), 3);
    assert_eq!(page("consent-twelve").matches("checked").count(), 7);
    let html = page("consent-twelve");
    assert!(html.find("consent-deny").unwrap() < html.find("consent-allow").unwrap());
}

#[test]
fn waiting_times_are_rounded_up_and_counted_in_words() {
    let frame = Frame { language: Language::En, realm: "r", request_id: "" };
    let client = ClientCard { name: "c", logo_uri: None, home_uri: None };
    let cases = [
        (LoginError::Throttled { wait_s: 0 }, "Wait 1 second,"),
        (LoginError::Throttled { wait_s: 2 }, "Wait 2 seconds,"),
        (LoginError::Locked { wait_s: 1 }, "in 1 minute."),
        (LoginError::Locked { wait_s: 61 }, "in 2 minutes."),
        (LoginError::Locked { wait_s: u64::MAX }, "minutes."),
    ];
    for (error, expected) in cases {
        let (error_of, dress) = (Some(error), LoginDress::default());
        let form = Login { action: "/", hidden: &[], username: "", client, error: error_of, cancel: None, dress };
        assert!(login(&frame, &form).contains(expected), "{error:?}");
    }
}

#[test]
fn every_asset_is_found_by_its_name_and_nothing_else_is() {
    let names: Vec<_> = asset_names().collect();
    assert_eq!(names.len(), 9);
    for name in &names {
        let found = asset(name).unwrap();
        assert!(!found.bytes.is_empty());
        assert_eq!(found.caching == Caching::Brief, name.starts_with("demo-"), "{name}");
    }
    for absent in ["", "kimbai.css", "../Cargo.toml", "fonts/OFL.txt", "kimbai-0000000000000000.css"] {
        assert!(asset(absent).is_none(), "{absent}");
    }
}

#[test]
fn the_style_sheet_refers_only_to_fonts_beside_it() {
    let name = asset_names().find(|name| name.contains(".css")).unwrap();
    let css = std::str::from_utf8(asset(name).unwrap().bytes).unwrap();
    let fonts: Vec<_> = css.split("url(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(fonts.len(), 4);
    assert!(fonts.iter().all(|font| asset(font).is_some_and(|font| font.content_type == "font/woff2")), "{fonts:?}");
    assert!(!css.contains("@import") && !css.contains("http"));
}

#[test]
fn pages_read_as_reviewed() {
    let shown = [
        "login",
        "login-wrong-password",
        "login-dressed",
        "consent-optional",
        "consent-documents",
        "account",
        "organization",
        "consent-organization",
        "form-post",
        "logout",
        "error-RedirectUri",
        "sandbox-callback-code",
    ];
    for language in Language::ALL {
        for (name, html) in samples::pages(language).into_iter().filter(|(name, _)| shown.contains(&name.as_str())) {
            insta::assert_snapshot!(format!("{name}-{}", language.tag()), without_hashes(&html));
        }
    }
}

/// The names of assets change with every line of the style sheet; the pages do not.
fn without_hashes(html: &str) -> String {
    asset_names().fold(html.to_owned(), |html, name| {
        let (stem, extension) = name.rsplit_once('.').unwrap();
        let stem = if name.starts_with("demo-") { stem } else { stem.rsplit_once('-').unwrap().0 };
        html.replace(name, &format!("{stem}.{extension}"))
    })
}
