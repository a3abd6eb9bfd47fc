//! Responses that carry a code and an ID token.

use super::*;

/// A realm with keys and a scope `openid`, which answers with ID tokens too, and a client that is registered for both.
fn hybrid() -> (Client, RealmSettings, ScopeTable) {
    let mut settings = settings();
    settings.paths.jwks = Some("/jwks".to_owned());
    settings.scopes.push(ScopeDefinition::new(OPENID, "", ""));
    settings.response_types = vec![ResponseType::Code, ResponseType::CodeIdToken];
    assert_eq!(settings.check(), Ok(()));
    let scopes = ScopeTable::new(settings.scopes.clone()).unwrap();
    let mut metadata = metadata();
    metadata.scope.push_str(" openid");
    metadata.response_types.clone_from(&settings.response_types);
    let (number, client_id) = (ClientNumber(7), "7590139168389961".to_owned());
    let client = Client::register(number, client_id, metadata, PartyStanding::NEW, (&settings, &scopes)).unwrap();
    (client, settings, scopes)
}

#[test]
fn a_code_comes_with_an_id_token_where_realm_and_client_allow_it_and_never_in_a_query() {
    use ResponseMode::{FormPost, Fragment, Query};
    let (client, settings, scopes) = hybrid();
    let asked = |response_type: &str, mode: &str| AuthorizationRequest {
        response_type: once(response_type),
        response_mode: if mode.is_empty() { Parameter::Absent } else { once(mode) },
        scope: once("offline order openid"),
        nonce: once("n"),
        ..request()
    };
    let checked = |request: &AuthorizationRequest, client: &Client, settings: &RealmSettings| match validate(
        request,
        Some(Arc::new(client.clone())),
        settings,
        &scopes,
    ) {
        Ok(valid) => (valid.target.mode, Ok(valid.response_type)),
        Err(AuthorizeRefusal::Redirect { target, error }) => (target.mode, Err(error)),
        Err(AuthorizeRefusal::Page(problem)) => panic!("{problem}"),
    };
    let both = Ok(ResponseType::CodeIdToken);
    for (response_type, mode, expect) in [
        ("code", "", (Query, Ok(ResponseType::Code))),
        ("code id_token", "", (Fragment, both)),
        ("id_token code", "", (Fragment, both)),
        ("code id_token", "fragment", (Fragment, both)),
        ("code id_token", "form_post", (FormPost, both)),
        ("code id_token", "query", (Fragment, Err(AuthorizeError::QueryMode))),
        ("code id_token", "web_message", (Fragment, Err(AuthorizeError::UnsupportedResponseMode))),
        ("code id_token token", "", (Fragment, Err(AuthorizeError::UnsupportedResponseType))),
        ("code id_token token", "query", (Fragment, Err(AuthorizeError::UnsupportedResponseType))),
        ("code token", "form_post", (FormPost, Err(AuthorizeError::UnsupportedResponseType))),
        ("id_token", "", (Fragment, Err(AuthorizeError::UnsupportedResponseType))),
        ("code code", "", (Query, Err(AuthorizeError::UnsupportedResponseType))),
        ("code  id_token", "", (Fragment, Err(AuthorizeError::UnsupportedResponseType))),
    ] {
        assert_eq!(checked(&asked(response_type, mode), &client, &settings), expect, "{response_type} {mode}");
    }
    let right = asked("code id_token", "");
    let no_nonce = AuthorizationRequest { nonce: Parameter::Absent, ..right.clone() };
    assert_eq!(checked(&no_nonce, &client, &settings), (Fragment, Err(AuthorizeError::NonceMissing)));
    let no_openid = AuthorizationRequest { scope: once("offline order"), ..right.clone() };
    assert_eq!(checked(&no_openid, &client, &settings), (Fragment, Err(AuthorizeError::OpenIdMissing)));
    let mut only_code = client.clone();
    only_code.metadata.response_types = vec![ResponseType::Code];
    assert_eq!(checked(&right, &only_code, &settings), (Fragment, Err(AuthorizeError::ResponseTypeNotRegistered)));
    let mut only_both = client.clone();
    only_both.metadata.response_types = vec![ResponseType::CodeIdToken];
    assert_eq!(
        checked(&asked("code", ""), &only_both, &settings),
        (Query, Err(AuthorizeError::ResponseTypeNotRegistered))
    );
    // A realm that has taken it back, whatever its clients were registered for.
    let plain = RealmSettings { response_types: vec![ResponseType::Code], ..settings };
    assert_eq!(checked(&right, &client, &plain), (Fragment, Err(AuthorizeError::UnsupportedResponseType)));
}

#[test]
fn pkce_is_enforced_where_a_code_comes_with_an_id_token() {
    let (mut client, settings, scopes) = hybrid();
    client.pkce = PkcePolicy::Required;
    let request = AuthorizationRequest {
        response_type: once("code id_token"),
        scope: once("openid"),
        nonce: once("n"),
        ..request()
    };
    let refused = validate(&request, Some(Arc::new(client.clone())), &settings, &scopes).unwrap_err();
    let missing = AuthorizeError::Challenge(ChallengeError::Missing);
    assert!(matches!(refused, AuthorizeRefusal::Redirect { error, .. } if error == missing));
    let (code_challenge, code_challenge_method) = (once(CHALLENGE), once("S256"));
    let right = AuthorizationRequest { code_challenge, code_challenge_method, ..request };
    assert!(validate(&right, Some(Arc::new(client)), &settings, &scopes).is_ok());
}
