//! What a query may be, before it is validated: so large and so deep that nothing of the library can be made to run away, and with
//! one token field at most.

use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Request, ServerError, Value};

/// So many opening brackets, and so no deeper nesting: the parser follows it by recursion.
const BRACKETS_MAX: usize = 256;
/// So many dots of fragments.
const SPREADS_MAX: usize = 16;
/// So many fields and fragments in all, those of a fragment counted each time that it is spread. What tools ask for the schema with
/// has some 200.
const SELECTIONS_MAX: usize = 512;

/// Whether the schema itself can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Introspection {
    On,
    Off,
}

/// Parses a request's query, unless it goes beyond a limit; answers the keys of the answer's first level in their order.
///
/// # Errors
/// The error to answer, in GraphQL's own form.
pub(super) fn check(request: &mut Request, introspection: Introspection) -> Result<Vec<Name>, ServerError> {
    let refused = |message: &str| ServerError::new(message, None);
    let too_complex = || refused("the query is too complex");
    let brackets = request.query.bytes().filter(|byte| matches!(byte, b'{' | b'(' | b'[')).count();
    if brackets > BRACKETS_MAX || request.query.matches("...").count() > SPREADS_MAX {
        return Err(too_complex());
    }
    let is_repeating = super::input_fields::are_repeated(&request.query);
    let operation = request.operation_name.clone();
    let document = request.parsed_query().map_err(|error| ServerError {
        // The library's message quotes the query, and with it what is secret.
        message: "the query does not parse".to_owned(),
        ..error
    })?;
    let fields = Walk::root_fields(document, operation.as_deref()).ok_or_else(too_complex)?;
    if is_repeating {
        return Err(refused("an input object names each of its fields once"));
    }
    // One that a fragment brings twice would be exchanged twice.
    let is_token_field = |field: &&Field| super::schema::TOKEN_FIELDS.contains(&field.name.node.as_str());
    if fields.iter().copied().filter(is_token_field).count() > 1 {
        return Err(refused("an operation has one token field at most"));
    }
    let is_of_schema = |field: &&Field| matches!(field.name.node.as_str(), "__schema" | "__type");
    if introspection == Introspection::Off && fields.iter().any(is_of_schema) {
        return Err(refused("the schema cannot be asked for here"));
    }
    Ok(fields.into_iter().map(|field| field.response_key().node.clone()).collect())
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

/// Follows all that a document selects, as far as it may select that much. A fragment that spreads itself selects without end.
struct Walk<'a> {
    document: &'a ExecutableDocument,
    left: usize,
}

impl<'a> Walk<'a> {
    /// The root fields of the operations that are asked for; `None` if the document selects too much, wherever that is.
    fn root_fields(document: &'a ExecutableDocument, operation: Option<&'a str>) -> Option<Vec<&'a Field>> {
        let mut walk = Self { document, left: SELECTIONS_MAX };
        let operations = document.operations.iter().map(|(_, definition)| &definition.node.selection_set);
        let fragments = document.fragments.values().map(|definition| &definition.node.selection_set);
        for set in operations.chain(fragments) {
            walk.follow(set, &mut Vec::new())?;
        }
        let mut walk = Self { document, left: SELECTIONS_MAX };
        let mut fields = Vec::new();
        for (_, definition) in asked_for(document, operation) {
            walk.follow(&definition.node.selection_set, &mut fields)?;
        }
        Some(fields)
    }

    /// Adds the fields on the level of this set, and follows what they select themselves.
    fn follow(&mut self, set: &'a Positioned<SelectionSet>, fields: &mut Vec<&'a Field>) -> Option<()> {
        for selection in &set.node.items {
            self.left = self.left.checked_sub(1)?;
            match &selection.node {
                Selection::Field(field) => {
                    fields.push(&field.node);
                    self.follow(&field.node.selection_set, &mut Vec::new())?;
                }
                Selection::InlineFragment(fragment) => self.follow(&fragment.node.selection_set, fields)?,
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        self.follow(&fragment.node.selection_set, fields)?;
                    }
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(query: &str) -> bool {
        check(&mut Request::new(query), Introspection::On).is_ok()
    }

    #[test]
    fn a_query_is_taken_up_to_each_limit_and_refused_beyond_it() {
        let spread = |times: usize| format!("{{ {} }} fragment a on Query {{ b }}", "...a ".repeat(times));
        let fields = |times: usize| format!("{{ {} }}", "a ".repeat(times));
        assert!(is_taken(&spread(SPREADS_MAX)) && !is_taken(&spread(SPREADS_MAX + 1)));
        assert!(is_taken(&fields(SELECTIONS_MAX)) && !is_taken(&fields(SELECTIONS_MAX + 1)));
        let deep = |levels: usize| format!("{}{}", "{a".repeat(levels), "}".repeat(levels));
        assert!(is_taken(&deep(40)) && !is_taken(&deep(BRACKETS_MAX + 1)));
    }

    #[test]
    fn what_fragments_bring_is_counted_each_time_that_they_are_spread() {
        // Four times four times four times eight fields.
        let tree = |fields: usize| {
            format!(
                "{{ ...a ...a ...a ...a }} fragment a on Query {{ ...b ...b ...b ...b }} \
                 fragment b on Query {{ ...c ...c ...c ...c }} fragment c on Query {{ {} }}",
                "x ".repeat(fields)
            )
        };
        assert!(is_taken(&tree(1)) && !is_taken(&tree(8)));
        for spreads in 1..=SPREADS_MAX {
            let of_itself = format!("{{ ...a }} fragment a on Query {{ b {} }}", "...a ".repeat(spreads - 1));
            assert_eq!(is_taken(&of_itself), spreads == 1, "{spreads}");
            let unused = format!("{{ b }} fragment a on Query {{ {} }}", "...a ".repeat(spreads));
            assert!(!is_taken(&unused), "{spreads}");
        }
    }

    #[test]
    fn ten_thousand_aliases_are_refused() {
        let aliases: Vec<_> = (0..10_000).map(|number| format!("a{number}:a")).collect();
        assert!(!is_taken(&format!("{{{}}}", aliases.join(" "))));
    }

    #[test]
    fn token_fields_are_those_of_the_operation_that_is_asked_for() {
        let field = super::super::schema::TOKEN_FIELDS[0];
        let query = format!(
            "query A {{ ...f }} query B {{ ...g }} fragment f on Query {{ {field} }} fragment g on Query {{ {field} }}"
        );
        assert!(check(&mut Request::new(&query).operation_name("A"), Introspection::Off).is_ok());
        assert!(!is_taken(&query), "both");
        for twice in [
            format!("{{ ...f ...f }} fragment f on Query {{ {field} }}"),
            format!("{{ {field} ...on Query {{ a: {field} }} }}"),
        ] {
            assert!(!is_taken(&twice), "{twice}");
        }
    }
}
