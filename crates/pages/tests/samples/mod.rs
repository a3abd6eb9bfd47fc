//! Pages with realistic and with awkward values, for the snapshots and for the gallery.

use std::borrow::Cow;

use kimbai_pages::{
    Account, ClientCard, ClientLine, CommandLine, Consent, ConsentOrganization, ConsentSheet, EndpointLine, ErrorPage,
    FormPost, Frame, Language, Login, LoginDress, LoginError, Logout, OrganizationChoice, OrganizationLine, Outcome,
    PartnerLine, PersonLine, Problem, RealmLink, RequestLine, SandboxCallback, SandboxIndex, ScopeLine, account,
    consent, consent_sheet, error, form_post, logged_out, login, logout, organization, sandbox_callback, sandbox_index,
    sandbox_requests,
};

/// Every kind of page, by name.
pub(crate) fn pages(language: Language) -> Vec<(String, String)> {
    let frame = Frame { language, realm: "Tiki Marketplace", request_id: "01JD7Q3V9X8K2M5N6P7R8S9T0A" };
    let mut pages = vec![("login".to_owned(), login(&frame, &LOGIN))];
    for (name, error) in LOGIN_ERRORS {
        pages.push((format!("login-{name}"), login(&frame, &Login { username: "an", error: Some(*error), ..LOGIN })));
    }
    pages.push(("login-dressed".to_owned(), login(&frame, &DRESSED)));
    let long = ClientCard { name: LONG_NAME, logo_uri: None, home_uri: Some(LONG_HOME) };
    pages.push(("login-long-name".to_owned(), login(&frame, &Login { client: long, cancel: None, ..LOGIN })));
    let consent_of = |client, scopes| {
        consent(&frame, &Consent { action: LOGIN.action, hidden: HIDDEN, client, user_name: USER, scopes, ..CONSENT })
    };
    pages.push(("consent".to_owned(), consent_of(SHOP, scopes(language).get(..3).unwrap_or_default())));
    pages.push(("consent-optional".to_owned(), consent_of(SHOP, scopes(language).get(..6).unwrap_or_default())));
    pages.push(("consent-twelve".to_owned(), consent_of(long, scopes(language))));
    pages.push(("consent-documents".to_owned(), consent(&frame, &DOCUMENTED)));
    let shop = ConsentOrganization { name: "Tiệm Hoa & Quà <Ngọc Ảnh>", label: "demo-shop" };
    let for_shop = Consent { organization: Some(shop), ..DOCUMENTED };
    pages.push(("consent-organization".to_owned(), consent(&frame, &for_shop)));
    pages.push(("consent-nothing".to_owned(), consent_of(SHOP, &[])));
    pages.extend(choices(&frame, long));
    let shown = FormPost { action: "https://example.com/callback", parameters: RESPONSE, client_name: LONG_NAME };
    pages.push(("form-post".to_owned(), form_post(&frame, &shown)));
    let asked = Logout { action: "/logout", hidden: HIDDEN, user_name: USER, client_name: Some(LONG_NAME) };
    pages.push(("logout".to_owned(), logout(&frame, &asked)));
    pages.push(("logout-nobody-asks".to_owned(), logout(&frame, &Logout { client_name: None, ..asked })));
    pages.push(("logged-out".to_owned(), logged_out(&frame)));
    for problem in Problem::ALL {
        let page =
            ErrorPage { problem, error: "invalid_request", hint: Some(HINT), back: Some("http://localhost:8080/") };
        pages.push((format!("error-{problem:?}"), error(&frame, &page)));
    }
    let plain = ErrorPage { problem: Problem::NotFound, error: "not_found", hint: None, back: None };
    pages.push(("error-plain".to_owned(), error(&frame, &plain)));
    pages.push(("sandbox-index".to_owned(), sandbox_index(&frame, &INDEX)));
    for (name, outcome) in OUTCOMES {
        let callback = SandboxCallback { parameters: PARAMETERS, outcome: *outcome };
        pages.push((format!("sandbox-callback-{name}"), sandbox_callback(&frame, &callback)));
    }
    for (name, client, scopes, result) in [
        ("asks", SHOP, scopes(language).get(..3).unwrap_or_default(), None),
        ("asks-for-nothing", long, &[], None),
        ("result", SHOP, scopes(language), Some("{\n  \"authCode\": null\n}")),
    ] {
        let sheet = ConsentSheet {
            action: "/sandbox/tini/consent",
            hidden: HIDDEN,
            client,
            scopes,
            people: INDEX.people,
            result,
        };
        pages.push((format!("sandbox-sheet-{name}"), consent_sheet(&frame, &sheet)));
    }
    pages.push(("sandbox-requests".to_owned(), sandbox_requests(&frame, REQUESTS)));
    pages.push(("sandbox-requests-empty".to_owned(), sandbox_requests(&frame, &[])));
    pages
}

/// The pages on which a person chooses: the account, and the organization.
fn choices(frame: &Frame<'_>, long: ClientCard<'static>) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for (name, client) in [("account", SHOP), ("account-long-name", long)] {
        let shown = Account { action: LOGIN.action, hidden: HIDDEN, client, user_name: USER };
        pages.push((name.to_owned(), account(frame, &shown)));
    }
    for (name, client, organizations) in
        [("organization", SHOP, ORGANIZATIONS), ("organization-long-names", long, LONG_ORGANIZATIONS)]
    {
        let action = "/connect/authorize/organization";
        let shown = OrganizationChoice { action, hidden: HIDDEN, client, user_name: USER, organizations };
        pages.push((name.to_owned(), organization(frame, &shown)));
    }
    pages
}

const LOGIN: Login<'static> = Login {
    action: "/sc/oauth2/auth",
    hidden: HIDDEN,
    username: "",
    client: SHOP,
    error: None,
    cancel: Some("/sc/oauth2/auth?cancel"),
    dress: LoginDress { background_uri: None, hotline: None, support_email: None },
};

const DRESSED: Login<'static> = Login {
    dress: LoginDress {
        background_uri: Some("https://demo-shop.example/background.png"),
        hotline: Some("+84 (28) 3812-3456"),
        support_email: Some("hotro@demo-shop.example"),
    },
    ..LOGIN
};

const ORGANIZATIONS: &[OrganizationLine<'static>] = &[
    OrganizationLine { label: "demo-shop", name: "Tiệm Hoa Ngọc Ảnh", is_enough: true },
    OrganizationLine { label: "other-shop", name: "Sách Cũ Quỳnh Chi", is_enough: false },
];

const LONG_ORGANIZATIONS: &[OrganizationLine<'static>] = &[
    OrganizationLine { label: "a", name: "A", is_enough: true },
    OrganizationLine {
        label: "cong-ty-trach-nhiem-huu-han-mot-thanh-vien-thuong-mai-dich-vu",
        name: LONG_NAME,
        is_enough: true,
    },
    OrganizationLine { label: "shop-3", name: "<b>Tiệm</b> \"Ba\" & Con", is_enough: false },
    OrganizationLine { label: "shop-4", name: "Tiệm Bốn", is_enough: true },
    OrganizationLine { label: "shop-5", name: "Tiệm Năm", is_enough: true },
    OrganizationLine { label: "shop-6", name: "Tiệm Sáu", is_enough: true },
    OrganizationLine { label: "shop-7", name: "Tiệm Bảy", is_enough: true },
];

const CONSENT: Consent<'static> = Consent {
    action: "",
    hidden: &[],
    client: SHOP,
    user_name: "",
    organization: None,
    scopes: &[],
    redirect_host: "localhost:8080",
    policy_uri: None,
    tos_uri: None,
};

const DOCUMENTED: Consent<'static> = Consent {
    action: LOGIN.action,
    hidden: HIDDEN,
    user_name: USER,
    policy_uri: Some("https://demo-shop.example/quyen-rieng-tu"),
    tos_uri: Some("https://demo-shop.example/dieu-khoan"),
    ..CONSENT
};

const HIDDEN: &[(&str, &str)] = &[("continuation", "kbc_AAECAwQFBgcICQ"), ("form_token", "kbf_Dw4NDAsKCQgHBg")];

const RESPONSE: &[(&str, &str)] = &[("code", "c0de"), ("state", "\"><b>")];

const SHOP: ClientCard<'static> = ClientCard {
    name: "Cửa hàng Ảnh Việt",
    logo_uri: Some("/assets/demo-shop.svg"),
    home_uri: Some("https://demo-shop.example/gioi-thieu"),
};

const LONG_NAME: &str = "Phần mềm Quản lý Đơn hàng, Tồn kho và Khuyến mãi Đa kênh Thương Nghiệp Trẻ Việt";
const LONG_HOME: &str = "https://quan-ly-don-hang-ton-kho-va-khuyen-mai-da-kenh.thuong-nghiep-tre-viet.example.vn/";
const USER: &str = "Đặng Thị Ngọc Ảnh (an@example.vn)";
const HINT: &str = "redirect_uri “http://localhost:8080/callback/” is not registered; did you mean \
                    “http://localhost:8080/callback”, without the slash at its end?";

const LOGIN_ERRORS: &[(&str, LoginError)] = &[
    ("wrong-password", LoginError::WrongPassword),
    ("throttled", LoginError::Throttled { wait_s: 1 }),
    ("locked", LoginError::Locked { wait_s: 895 }),
    ("stale-form", LoginError::StaleForm),
    ("busy", LoginError::Busy),
];

fn scopes(language: Language) -> &'static [ScopeLine<'static>] {
    match language {
        Language::Vi => SCOPES_VI,
        Language::En => SCOPES_EN,
    }
}

const fn scope(name: &'static str, description: &'static str, optional: bool) -> ScopeLine<'static> {
    ScopeLine { name, description, optional }
}

const SCOPES_VI: &[ScopeLine<'_>] = &[
    scope("order", "Xem và xử lý đơn hàng của gian hàng", false),
    scope("product", "Xem, thêm và sửa sản phẩm", false),
    scope("offline", "Truy cập cả khi bạn không mở ứng dụng", false),
    scope("inventory", "Xem và điều chỉnh số lượng tồn kho ở mọi kho hàng", true),
    scope("email", "Biết địa chỉ email của bạn", true),
    scope("phone", "Biết số điện thoại của bạn", true),
    scope("openid", "Biết bạn là ai", false),
    scope("profile", "Xem họ tên và ảnh đại diện", false),
    scope("address", "Xem địa chỉ giao hàng đã lưu", true),
    scope("promotion.write", "Tạo và kết thúc chương trình khuyến mãi", true),
    scope("com.read_customer_conversations_and_attachments", "Đọc hội thoại với khách hàng", true),
    scope("finance.read", "Xem đối soát, số dư và lịch sử rút tiền", true),
];

const SCOPES_EN: &[ScopeLine<'_>] = &[
    scope("order", "See and handle your shop’s orders", false),
    scope("product", "See, add and change products", false),
    scope("offline", "Have access even while you are not using the app", false),
    scope("inventory", "See and adjust stock in all warehouses", true),
    scope("email", "Know your email address", true),
    scope("phone", "Know your phone number", true),
    scope("openid", "Know who you are", false),
    scope("profile", "See your name and picture", false),
    scope("address", "See your saved delivery addresses", true),
    scope("promotion.write", "Start and end promotions", true),
    scope("com.read_customer_conversations_and_attachments", "Read conversations with customers", true),
    scope("finance.read", "See statements, balance and withdrawals", true),
];

const INDEX: SandboxIndex<'static> = SandboxIndex {
    issuer: "http://localhost:4602",
    endpoints: &[
        EndpointLine { name: "authorization_endpoint", url: "http://localhost:4602/sc/oauth2/auth" },
        EndpointLine { name: "token_endpoint", url: "http://localhost:4602/sc/oauth2/token" },
        EndpointLine { name: "introspection_endpoint", url: "http://localhost:4602/sc/oauth2/introspect" },
        EndpointLine { name: "revocation_endpoint", url: "http://localhost:4602/sc/oauth2/revoke" },
    ],
    clients: &[
        ClientLine {
            name: "Demo Shop",
            client_id: "7590139168389961",
            client_secret: Some("tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew"),
            auth_method: "client_secret_basic",
            partner: None,
            redirect_uris: &["https://example.com/tiki/callback", "http://localhost:8080/callback"],
            scopes: &["offline", "product", "order", "inventory"],
            try_uri: Some("/sc/oauth2/auth?response_type=code&client_id=7590139168389961"),
        },
        ClientLine {
            name: "In-house app",
            client_id: "3750000000000017",
            client_secret: Some("demo-inhouse-secret-0123456789ab"),
            auth_method: "client_secret_post",
            partner: None,
            redirect_uris: &[],
            scopes: &["product", "order", "inventory"],
            try_uri: None,
        },
        ClientLine {
            name: "Single-page app",
            client_id: "demo-spa",
            client_secret: None,
            auth_method: "none",
            partner: None,
            redirect_uris: &["http://localhost:8080/callback"],
            scopes: &[
                "openid",
                "profile",
                "email",
                "phone",
                "address",
                "offline_access",
                "orders.read",
                "orders.write",
            ],
            try_uri: Some("/authorize?client_id=demo-spa"),
        },
        ClientLine {
            name: "Demo Partner",
            client_id: "fMLgZltRRtetnsOHXgxsHQ",
            client_secret: Some("hUFhGJIqz746zcxsYVtrwhkveDuEfcYd"),
            auth_method: "partner_envelope",
            partner: Some(PartnerLine {
                partner_code: "DEMO",
                envelope_key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
                deviations: &[("iv", Cow::Borrowed("zero")), ("answers", Cow::Borrowed("encrypted"))],
            }),
            redirect_uris: &[],
            scopes: &[],
            try_uri: None,
        },
    ],
    people: &[
        PersonLine { username: "an", password: "kimbai-demo", name: "Đặng Thị Ngọc Ảnh" },
        PersonLine { username: "binh", password: "kimbai-demo", name: "Nguyễn Hữu Bình" },
        PersonLine { username: "chi", password: "kimbai-demo", name: "Trần Quỳnh Chi" },
    ],
    commands: &[
        CommandLine {
            title: "POST /sandbox/code",
            command: r#"curl -s http://localhost:4602/sandbox/code \
  -d '{"client_id":"7590139168389961","user":"an","scopes":["offline","product","order","inventory"]}'"#,
        },
        CommandLine {
            title: "client_credentials",
            command: "curl -s -u 7590139168389961:tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew \\\n\
\x20 -d grant_type=client_credentials -d scope='product order' \\\n\
\x20 http://localhost:4602/sc/oauth2/token",
        },
    ],
    realms: &[
        RealmLink { name: "Standard", url: "http://localhost:4600" },
        RealmLink { name: "Tiki Marketplace", url: "http://localhost:4602" },
    ],
    requests_uri: "/sandbox/requests",
};

const PARAMETERS: &[(&str, &str)] = &[
    ("code", "s6Zq3N0bQm1xkq5dH7eTWm3Yt8vJ2LrC9uXaPzKfG4o.5WcVnB1yEhSjDxR7tMqAzLp"),
    ("state", "xoxo-8-characters"),
    ("iss", "http://localhost:4602"),
];

const OUTCOMES: &[(&str, Outcome<'_>)] = &[
    (
        "code",
        Outcome::Code {
            code: "s6Zq3N0bQm1xkq5dH7eTWm3Yt8vJ2LrC9uXaPzKfG4o.5WcVnB1yEhSjDxR7tMqAzLp",
            command: "curl -s -u 7590139168389961:tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew \\\n\
\x20 -d grant_type=authorization_code \\\n\
\x20 -d code=s6Zq3N0bQm1xkq5dH7eTWm3Yt8vJ2LrC9uXaPzKfG4o.5WcVnB1yEhSjDxR7tMqAzLp \\\n\
\x20 -d client_id=7590139168389961 -d redirect_uri=http://localhost:8080/callback \\\n\
\x20 http://localhost:4602/sc/oauth2/token",
        },
    ),
    ("error", Outcome::Error { error: "access_denied", explanation: "The person chose “deny” on the consent page." }),
    ("nothing", Outcome::Nothing),
];

const REQUESTS: &[RequestLine<'_>] = &[
    RequestLine {
        id: "01JD7Q3V9X8K2M5N6P7R8S9T0A",
        at: "2026-11-21 09:42:17.123",
        method: "POST",
        path: "/sc/oauth2/token",
        status: 400,
        reason: Some("grant.reused"),
        mistake: Some("refresh_token_reuse"),
        explanation: Some(
            "This refresh token was used before and its time for a retry is over. \
The grant is revoked; start a new authorization.",
        ),
    },
    RequestLine {
        id: "01JD7Q3V9X8K2M5N6P7R8S9T0B",
        at: "2026-11-21 09:42:16.002",
        method: "POST",
        path: "/sc/oauth2/token",
        status: 200,
        reason: None,
        mistake: None,
        explanation: None,
    },
    RequestLine {
        id: "01JD7Q3V9X8K2M5N6P7R8S9T0C",
        at: "2026-11-21 09:41:59.871",
        method: "GET",
        path: "/sc/oauth2/auth?response_type=code&client_id=7590139168389961\
&redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fcallback&state=xoxo",
        status: 503,
        reason: Some("store"),
        mistake: None,
        explanation: Some("The store could not be reached."),
    },
];
