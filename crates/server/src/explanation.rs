//! Why a request was refused, in words for the one who wrote it: the mistake, and what to do. A match each, none left out.
//!
//! Production logs and counts the fact alone; the sandbox shows all of it.

use kimbai_core::authorize::{AuthorizeError, PageProblem};
use kimbai_core::client::ClientAuthenticationError;
use kimbai_core::token::{Inactive, Refusal, RequestFault, TokenRefusal};
use kimbai_engine::{EngineError, FormFault, LogInRefusal, LogOutRefusal, Throttled};

use crate::http::front::Reason;
use crate::http::reply::HttpFault;

fn reason(name: &'static str, detail: &impl ToString, (mistake, explanation): (&'static str, &'static str)) -> Reason {
    Reason { name, detail: detail.to_string(), mistake, explanation }
}

/// Of a refused token, revocation or introspection request.
pub(crate) fn refusal(refusal: TokenRefusal) -> Reason {
    match refusal {
        TokenRefusal::Malformed(fault) => request_fault(fault),
        TokenRefusal::Client(error) => client(error),
        TokenRefusal::UnsupportedGrantType => reason(
            "unsupported_grant_type",
            &refusal,
            ("a grant_type this server does not have", "Use authorization_code or refresh_token, or see discovery."),
        ),
        TokenRefusal::UnauthorizedClient => reason(
            "unauthorized_client",
            &refusal,
            (
                "a client that is not registered for this",
                "Register the grant type for the client, or use the client that the token was issued to.",
            ),
        ),
        TokenRefusal::Scope(_) => reason(
            "invalid_scope",
            &refusal,
            ("a scope the realm does not have, or a comma between scopes", "Separate known scopes by single spaces."),
        ),
        TokenRefusal::ScopeNotGranted => reason(
            "scope_not_granted",
            &refusal,
            ("more scope than there is to give", "Ask for what was granted, or let the user authorize again."),
        ),
        TokenRefusal::ScopeNotNarrowed => reason(
            "scope_not_narrowed",
            &refusal,
            ("a part of the granted scope, in a realm with short tokens", "Leave the parameter scope out."),
        ),
        TokenRefusal::Grant(refusal) => grant(refusal),
    }
}

/// Of a malformed request.
fn request_fault(fault: RequestFault) -> Reason {
    let words = match fault {
        RequestFault::Missing(_) => ("a parameter is missing or empty", "Add it to the form in the body."),
        RequestFault::Repeated(_) => ("a parameter is given twice", "Send it once, in the body."),
        RequestFault::Parameter(_) => ("a parameter is malformed", "Encode it as UTF-8 and then as a form value."),
        RequestFault::Body => ("the body or query is not a form", "Send application/x-www-form-urlencoded."),
        RequestFault::TooMany => ("too many parameters", "Send only those the endpoint reads."),
    };
    reason("invalid_request", &fault, words)
}

fn client(error: ClientAuthenticationError) -> Reason {
    let words = match error {
        ClientAuthenticationError::Missing => ("no client_id", "Send the client_id in the body or a Basic header."),
        ClientAuthenticationError::Header => {
            ("a malformed Authorization header", "Send one header: Basic base64(client_id:client_secret).")
        }
        ClientAuthenticationError::TwoClients => (
            "the header and the body name different clients",
            "Send the same client_id in both, or in the header alone.",
        ),
        ClientAuthenticationError::Refused => {
            ("an unknown client, or a wrong or missing secret", "Compare client_id and secret with the table at /.")
        }
        ClientAuthenticationError::Signature(_) => (
            "a signature that does not prove the client",
            "Compare the string that was signed with the one that the log has; kimbai sign makes it.",
        ),
        ClientAuthenticationError::Method { .. } => (
            "the right secret in the wrong place",
            "Use the method the client is registered for: a Basic header, or client_id and client_secret in the body.",
        ),
        ClientAuthenticationError::SeveralMethods { .. } => {
            ("the secret in the header and in the body", "Send it once, by the method the client is registered for.")
        }
    };
    reason("invalid_client", &error, words)
}

fn grant(refusal: Refusal) -> Reason {
    let (name, mistake, explanation) = match refusal {
        Refusal::Forged => (
            "forged",
            "a token that this realm did not make, cut short, or of another kind",
            "Send the code or refresh token exactly as it was received, to the realm that issued it.",
        ),
        Refusal::Unknown => ("unknown_grant", "a token of a grant that is gone", "Let the user authorize again."),
        Refusal::Expired => ("expired", "a token past its end", "Let the user authorize again."),
        Refusal::Revoked => ("revoked", "a token of a grant that was revoked", "Let the user authorize again."),
        Refusal::OtherClient => {
            ("other_client", "a token of another client", "Use the client_id that the token was issued to.")
        }
        Refusal::RedirectUri => (
            "redirect_uri",
            "a redirect_uri other than the authorization request's",
            "Send the same redirect_uri, byte for byte, in both requests.",
        ),
        Refusal::Verifier => (
            "code_verifier",
            "a code_verifier that does not answer the code_challenge",
            "Keep the verifier of this very authorization request; without a challenge send none.",
        ),
        Refusal::CodeSpent => ("code_spent", "a code that was redeemed before", "Redeem each code once."),
        Refusal::Reused => (
            "reused",
            "a spent refresh token, whose successor was used",
            "Store the new refresh token before using it; this grant was revoked, let the user authorize again.",
        ),
        Refusal::Spent => ("spent", "a refresh token that was used before", "Ask about its successor."),
        Refusal::GenerationRevoked => {
            ("generation_revoked", "a retry for tokens that were revoked meanwhile", "Let the user authorize again.")
        }
        Refusal::StoreWentBack => (
            "store_went_back",
            "none: the server's store is older than this token",
            "The operator restored an old copy; let the user authorize again.",
        ),
        Refusal::ClientEnded => ("client_ended", "a token of a client that was disabled", "Ask the operator."),
        Refusal::UserEnded => ("user_ended", "a token of a user who was disabled", "Ask the operator."),
        Refusal::MembershipEnded => (
            "membership_ended",
            "a token for a shop that the user has left",
            "Let somebody who belongs to the shop authorize again.",
        ),
        Refusal::RoleEnded => (
            "role_ended",
            "a code for a service, given by a user who lost the role since",
            "Let somebody who has the role in the shop authorize again.",
        ),
        Refusal::ScopeRetired => {
            ("scope_retired", "a token with a scope that was retired", "Let the user authorize again.")
        }
        Refusal::LastGeneration => {
            ("last_generation", "a grant that was refreshed 16 million times", "Let the user authorize again.")
        }
    };
    reason(name, &refusal, (mistake, explanation))
}

/// A name, the mistake, and what to do.
type Words = (&'static str, (&'static str, &'static str));

const MALFORMED: Words = (
    "invalid_request",
    ("a parameter is repeated, too long or not UTF-8", "Send it once, form-encoded; a nonce has 255 bytes at most."),
);
const SCOPE_MISSING: Words =
    ("invalid_scope", ("no scope, where all of them would install the app", "Name the scopes that you want."));
const NOT_A_MEMBER: Words = (
    "not_a_member",
    ("an orgid that is none of the user's shops", "Leave orgid out, or send that of a shop of this user."),
);
const ROLE_MISSING: Words = (
    "role_missing",
    (
        "a service's scope for a user who has not the role in the shop that it takes",
        "Log in first without that scope, look for the role in the claim role, and only then ask for it.",
    ),
);
const NOT_CHOSEN: Words = (
    "interaction_required",
    ("none: the user has several shops and has not chosen", "Send orgid, or ask again without prompt=none."),
);

/// Of a refused authorization request, answered by redirect.
pub(crate) fn authorize(refused: AuthorizeError) -> Reason {
    let (name, words) = match refused {
        AuthorizeError::Malformed(_) => MALFORMED,
        AuthorizeError::UnauthorizedClient | AuthorizeError::ResponseTypeNotRegistered => {
            ("unauthorized_client", ("a client without this grant or response_type", "Register what it uses for it."))
        }
        AuthorizeError::Scope(_) => (
            "invalid_scope",
            ("a scope the realm does not have, or a comma between scopes", "Separate known scopes by single spaces."),
        ),
        AuthorizeError::ScopeMissing => SCOPE_MISSING,
        AuthorizeError::ScopeNotRegistered => {
            ("invalid_scope", ("a scope the client is not registered for", "Register it, or leave it out."))
        }
        AuthorizeError::ResponseTypeMissing => ("invalid_request", ("no response_type", "Send one, such as code.")),
        AuthorizeError::UnsupportedResponseType => {
            ("unsupported_response_type", ("a response_type the realm does not have", "Send one that discovery lists."))
        }
        AuthorizeError::UnsupportedResponseMode => {
            ("invalid_request", ("an unknown response_mode", "Use query, fragment or form_post, or leave it out."))
        }
        AuthorizeError::OpenIdMissing | AuthorizeError::QueryMode | AuthorizeError::NonceMissing => (
            "invalid_request",
            (
                "an id_token in the response_type without openid or nonce, or in a query",
                "Ask for openid, send a random nonce, and use form_post or fragment.",
            ),
        ),
        AuthorizeError::State(_) => (
            "invalid_state",
            ("a state that is missing or too short", "Send a random state of at least 8 characters, form-encoded."),
        ),
        AuthorizeError::Challenge(_) => {
            ("pkce", ("missing or wrong PKCE parameters", "Send code_challenge with code_challenge_method=S256."))
        }
        AuthorizeError::AccessDenied => ("access_denied", ("none: the user said no", "Show the user what happened.")),
        AuthorizeError::NotAMember => NOT_A_MEMBER,
        AuthorizeError::RoleMissing => ROLE_MISSING,
        AuthorizeError::InteractionRequired => NOT_CHOSEN,
        AuthorizeError::PromptNone => {
            ("invalid_request", ("prompt=none together with another value", "Send none alone, or the others."))
        }
        AuthorizeError::IdTokenHint => (
            "id_token_hint",
            ("an id_token_hint that this realm did not give to this client", "Send the ID token as it was received."),
        ),
        AuthorizeError::RequestObject | AuthorizeError::RequestUri => {
            ("request_object", ("a request object, which this server does not read", "Send the parameters themselves."))
        }
        AuthorizeError::AuthenticationContext => {
            ("acr", ("an essential acr that there is not", "Ask for it as a voluntary claim, or leave it out."))
        }
        AuthorizeError::LogInRequired => {
            ("login_required", ("none: nobody is logged in as the request demands", "Ask again without prompt=none."))
        }
        AuthorizeError::ConsentRequired => {
            ("consent_required", ("none: the user has not allowed this yet", "Ask again without prompt=none."))
        }
    };
    reason(name, &refused, words)
}

/// Of an authorization request answered by a page.
pub(crate) fn problem(problem: PageProblem) -> Reason {
    match problem {
        PageProblem::Client => reason(
            "unknown_client",
            &problem,
            ("a client_id that is not registered here", "Compare it with the table at /, as text, not as a number."),
        ),
        PageProblem::RedirectUri => reason(
            "redirect_uri",
            &problem,
            ("a redirect_uri that is not registered", "Send a registered one, byte for byte: path and slash count."),
        ),
    }
}

/// Of a log-out request answered by a page.
pub(crate) fn log_out(refusal: LogOutRefusal) -> Reason {
    let (name, words) = match refusal {
        LogOutRefusal::Malformed => {
            ("invalid_request", ("a parameter is repeated, not UTF-8 or stale", "Send it once, form-encoded."))
        }
        LogOutRefusal::Hint => (
            "id_token_hint",
            ("an id_token_hint that is not an ID token of this realm", "Send the ID token as it was received."),
        ),
        LogOutRefusal::Client => (
            "unknown_client",
            (
                "a client_id that is unknown or not the id_token_hint's",
                "Send that of the client that was given the token.",
            ),
        ),
        LogOutRefusal::RedirectUri => (
            "redirect_uri",
            (
                "a post_logout_redirect_uri that is not registered, or of no client",
                "Register it, byte for byte, and send id_token_hint or client_id.",
            ),
        ),
    };
    reason(name, &refusal, words)
}

/// Of a request of a client that has used its allowance up.
pub(crate) fn throttled(throttled: Throttled) -> Reason {
    let words = ("more requests of one client than the realm's rate_limits allow", "Wait as Retry-After says.");
    reason("client_rate", &throttled, words)
}

/// Of a request that did not come to its endpoint.
pub(crate) fn fault(fault: HttpFault) -> Reason {
    let (name, words) = match fault {
        HttpFault::NotFound => ("not_found", ("a path that is not here", "Compare it with the endpoints at /.")),
        HttpFault::Misdirected => ("misdirected", ("a Host that no realm has", "Use the realm's own URL.")),
        HttpFault::Method(_) => ("method", ("a method the endpoint does not have", "See the Allow header.")),
        HttpFault::ContentType(_) => {
            ("content_type", ("a content type the endpoint does not read", "Send application/x-www-form-urlencoded."))
        }
        HttpFault::Body(_) => ("body", ("a body too large, too slow or cut short", "Send at most 64 KiB.")),
        HttpFault::Headers => ("headers", ("too many or too long headers", "Send at most 100, of 32 KiB in all.")),
        HttpFault::Throttled(_) => (
            "source_rate",
            ("more requests from one source than the realm's rate_limits allow", "Wait as Retry-After says."),
        ),
        HttpFault::Overloaded => ("overloaded", ("none: too many requests at once", "Ask again after Retry-After.")),
    };
    reason(name, &fault, words)
}

/// Of a token that is inactive.
pub(crate) fn inactive(inactive: Inactive) -> Reason {
    match inactive {
        Inactive::Refused(refusal) => grant(refusal),
        Inactive::NotYours => reason(
            "not_a_resource_server",
            &inactive,
            (
                "a token for others than the one who asks, or a caller that is no resource server",
                "Ask for a scope that opens this; introspect as a resource server, or as the token's audience.",
            ),
        ),
    }
}

/// Of a log-in that was refused.
pub(crate) fn log_in(refusal: &LogInRefusal) -> Reason {
    let (name, words) = match refusal {
        LogInRefusal::Wrong => ("wrong_password", ("a wrong name or password", "See the people at /.")),
        LogInRefusal::Wait(_) => ("log_in_delayed", ("many wrong passwords", "Wait as Retry-After says.")),
        LogInRefusal::Locked(_) => {
            ("log_in_locked", ("too many wrong passwords", "Wait, or advance /sandbox/clock by 900 s."))
        }
        LogInRefusal::Busy => ("log_in_busy", ("none: too many log-ins at once", "Try again.")),
        LogInRefusal::Failed(_) => ("failed", ("none: the server failed", "Try again.")),
    };
    reason(name, refusal, words)
}

/// Of a form that does not count.
pub(crate) fn form(fault: FormFault) -> Reason {
    let name = match fault {
        FormFault::Foreign => "foreign_form",
        FormFault::Expired => "expired_form",
        FormFault::OtherBrowser => "other_browser",
        FormFault::OtherRequest => "other_request",
    };
    reason(name, &fault, ("a form this browser was not shown for this request", "Load the page, then post its form."))
}

/// Of a failure of ours.
pub(crate) fn failure(failure: &EngineError) -> Reason {
    let name = match failure {
        EngineError::Store(_) => "store",
        EngineError::Stored(_) => "stored",
    };
    reason(name, failure, ("none: the server failed", "Ask again after Retry-After."))
}
