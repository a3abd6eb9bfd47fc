//! What a query may be, before it is validated: so large and so deep that nothing of the library can be made to run away, and with
//! one token field at most.

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Request, ServerError, Value};

/// So many opening brackets, and so no deeper nesting: the parser follows it by recursion.
const BRACKETS_MAX: usize = 256;
/// So many dots of fragments: what spreads fragments that spread fragments is followed anew each time.
const SPREADS_MAX: usize = 16;
/// So many fields and fragments in all.
const SELECTIONS_MAX: usize = 256;

/// Parses a request's query, unless it goes beyond a limit; answers the keys of the answer's first level in their order.
///
/// # Errors
/// The error to answer, in GraphQL's own form.
pub(super) fn check(request: &mut Request) -> Result<Vec<Name>, ServerError> {
    let refused = |message: &str| ServerError::new(message, None);
    let brackets = request.query.bytes().filter(|byte| matches!(byte, b'{' | b'(' | b'[')).count();
    if brackets > BRACKETS_MAX || request.query.matches("...").count() > SPREADS_MAX {
        return Err(refused("the query is too complex"));
    }
    let is_repeating = super::input_fields::are_repeated(&request.query);
    let operation = request.operation_name.clone();
    let document = request.parsed_query().map_err(|error| ServerError {
        // The library's message quotes the query, and with it what is secret.
        message: "the query does not parse".to_owned(),
        ..error
    })?;
    let count = counted(document, operation.as_deref());
    if count.selections > SELECTIONS_MAX {
        return Err(refused("the query is too complex"));
    }
    if is_repeating {
        return Err(refused("an input object names each of its fields once"));
    }
    if count.token_fields > 1 {
        return Err(refused("an operation has one token field at most"));
    }
    let mut keys = Vec::new();
    for (_, definition) in asked_for(document, operation.as_deref()) {
        first_level(document, &definition.node.selection_set, DEPTH_MAX, &mut keys);
    }
    Ok(keys)
}

/// Puts what fields were resolved in the order of the selection (section 6.3.2): the library has them in the order in which they
/// were ready.
pub(super) fn in_order(data: Value, keys: &[Name]) -> Value {
    match data {
        Value::Object(mut members) => {
            let place = |name: &Name| keys.iter().position(|key| key == name).unwrap_or(usize::MAX);
            members.sort_by(|one, _, other, _| place(one).cmp(&place(other)));
            Value::Object(members)
        }
        other @ (Value::Null
        | Value::Number(_)
        | Value::String(_)
        | Value::Boolean(_)
        | Value::Binary(_)
        | Value::Enum(_)
        | Value::List(_)) => other,
    }
}

/// The operations that are carried out: the one that is named, or the only one.
fn asked_for<'a>(
    document: &'a ExecutableDocument,
    operation: Option<&'a str>,
) -> impl Iterator<Item = (Option<&'a Name>, &'a Positioned<OperationDefinition>)> {
    let is_asked =
        move |name: Option<&Name>| operation.is_none() || name.is_none() || name.map(Name::as_str) == operation;
    document.operations.iter().filter(move |(name, _)| is_asked(*name))
}

/// How deep fragments are followed.
const DEPTH_MAX: usize = 16;

fn first_level(document: &ExecutableDocument, set: &Positioned<SelectionSet>, depth: usize, keys: &mut Vec<Name>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for selection in &set.node.items {
        match &selection.node {
            Selection::Field(field) => keys.push(field.node.response_key().node.clone()),
            Selection::InlineFragment(fragment) => first_level(document, &fragment.node.selection_set, depth, keys),
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    first_level(document, &fragment.node.selection_set, depth, keys);
                }
            }
        }
    }
}

/// What was counted of a document.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    selections: usize,
    token_fields: usize,
}

/// Counts all that is selected, and the token fields of the operation that is asked for and of fragments.
fn counted(document: &ExecutableDocument, operation: Option<&str>) -> Count {
    let (mut count, mut all) = (Count::default(), Count::default());
    for (_, definition) in document.operations.iter() {
        walk(&definition.node.selection_set, &mut all);
    }
    for (_, definition) in asked_for(document, operation) {
        walk(&definition.node.selection_set, &mut count);
    }
    count.selections = all.selections;
    for fragment in document.fragments.values() {
        walk(&fragment.node.selection_set, &mut count);
    }
    count
}

/// The parser bounds the depth of what it has read.
fn walk(set: &Positioned<SelectionSet>, count: &mut Count) {
    for selection in &set.node.items {
        count.selections += 1;
        match &selection.node {
            Selection::Field(field) => {
                count.token_fields += usize::from(super::schema::TOKEN_FIELDS.contains(&field.node.name.node.as_str()));
                walk(&field.node.selection_set, count);
            }
            Selection::InlineFragment(fragment) => walk(&fragment.node.selection_set, count),
            Selection::FragmentSpread(_) => {}
        }
    }
}
