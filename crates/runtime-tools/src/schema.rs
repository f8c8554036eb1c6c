//! The JSON schema of a type, as providers take it.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The JSON schema of a type, for the arguments of a tool or for a structured answer.
///
/// Definitions are written where they are used, since not every provider follows references; only a type
/// that contains itself needs one. The name of the type and the version of the schema language are left
/// out.
///
/// ```
/// use serde_json::json;
///
/// #[derive(schemars::JsonSchema)]
/// struct Search {
///     /// Words that the page must have.
///     query: String,
/// }
///
/// assert_eq!(runtime_tools::schema_of::<Search>(), json!({
///     "type": "object",
///     "properties": { "query": { "type": "string", "description": "Words that the page must have." } },
///     "required": ["query"],
/// }));
/// ```
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema.to_value()
}
