//! The pages people see, as a pure library: typed values in, a whole HTML document out.
//!
//! It knows no HTTP, no store and no protocol rule; whoever calls it decides what to show. Everything is escaped by
//! the templates, nothing needs a script (one page brings one, to spare people a click), and a page refers only to `/assets/` and to the addresses given to it, so
//! that it lives under `default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' <origins of logo and
//! background>`.
//! Ids of form fields and buttons are a contract with the people who automate a browser; they never change.

mod account;
mod assets;
mod consent;
mod error;
mod form_post;
mod frame;
mod language;
mod link;
mod login;
mod logout;
mod organization;
mod sandbox;
mod sheet;
mod text;

pub use account::{Account, account};
pub use assets::{ASSETS_PATH, Asset, Caching, asset, asset_names};
pub use consent::{Consent, ConsentOrganization, ScopeLine, consent};
pub use error::{ErrorPage, Problem, error};
pub use form_post::{FormPost, form_post};
pub use frame::{ClientCard, Frame};
pub use language::Language;
pub use login::{Login, LoginDress, LoginError, login};
pub use logout::{Logout, logged_out, logout};
pub use organization::{OrganizationChoice, OrganizationLine, organization};
pub use sandbox::{
    ClientLine, CommandLine, EndpointLine, Outcome, PartnerLine, PersonLine, RealmLink, RequestLine, SandboxCallback,
    SandboxIndex, sandbox_callback, sandbox_index, sandbox_requests,
};
pub use sheet::{ConsentSheet, consent_sheet};
