//! The four documents as one mode of the contract serves them, and what can be asked of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use jsonschema::{Draft, Registry, Validator};
use serde_json::{Map, Value, json};

use crate::contract::Contract;

pub(super) const BOTH: [Contract; 2] = [Contract::Strict, Contract::Extended];
pub(super) const CONTRACT: &str = "openapi.json";
pub(super) const WIDGET: &str = "openapi-widget.json";
pub(super) const CONTROL: &str = "openapi-mock.json";
pub(super) const SOCKETS: &str = "asyncapi.json";
pub(super) const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Where the documents are, for references between them.
const BASE: &str = "http://server/";

/// One document.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) name: &'static str,
    pub(super) root: Value,
}

/// The documents, and their schemas.
#[derive(Debug)]
pub(super) struct Descriptions {
    documents: [Document; 4],
    schemas: Registry<'static>,
    made: RefCell<HashMap<String, Rc<Validator>>>,
}

impl Descriptions {
    pub(super) fn of(contract: Contract) -> Self {
        let document = |name, text: &str| Document { name, root: serde_json::from_str(text).unwrap() };
        let documents = [
            document(CONTRACT, super::super::contract(contract)),
            document(WIDGET, super::super::WIDGET.text()),
            document(CONTROL, super::super::control_text()),
            document(SOCKETS, super::super::sockets(contract)),
        ];
        let closed = documents.iter().map(|document| (format!("{BASE}{}", document.name), closed(&document.root)));
        let schemas = Registry::new().draft(Draft::Draft202012).extend(closed).unwrap().prepare().unwrap();
        Self { documents, schemas, made: RefCell::default() }
    }

    pub(super) fn all(&self) -> &[Document] {
        &self.documents
    }

    pub(super) fn document(&self, name: &str) -> &Document {
        self.documents.iter().find(|document| document.name == name).unwrap()
    }

    /// What is wrong with a value, by the schema at this place of a document.
    pub(super) fn check(&self, document: &str, place: &str, value: &Value) -> Result<(), String> {
        let place = format!("{document}#{place}");
        let validator = self.validator(&place);
        let wrong: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("{place}: {}; in {value}", wrong.join("; "))) }
    }

    fn validator(&self, place: &str) -> Rc<Validator> {
        let make = || {
            let schema = json!({"$ref": format!("{BASE}{}", place.replace('{', "%7B").replace('}', "%7D"))});
            let options = jsonschema::options().with_draft(Draft::Draft202012).with_registry(&self.schemas);
            let validator = options.should_validate_formats(true).build(&schema);
            Rc::new(validator.unwrap_or_else(|error| panic!("{place} is no schema: {error}")))
        };
        Rc::clone(self.made.borrow_mut().entry(place.to_owned()).or_insert_with(make))
    }
}

/// The document, taken at its word: objects have the fields they list and no others, enums the values they list. For
/// clients both are open; this server says nothing else.
fn closed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut closed: Map<_, _> =
                fields.iter().map(|(name, field)| (name.clone(), self::closed(field))).collect();
            if let Some(values) = closed.remove("x-extensible-enum") {
                closed.insert("enum".to_owned(), values);
            }
            if closed.get("type") == Some(&json!("object")) && closed.contains_key("properties") {
                closed.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            Value::Object(closed)
        }
        Value::Array(items) => items.iter().map(closed).collect(),
        other => other.clone(),
    }
}

impl Document {
    /// What stands at a place.
    pub(super) fn at(&self, place: &str) -> Option<&Value> {
        self.root.pointer(place)
    }

    /// A place, or the one that its reference leads to.
    pub(super) fn follow(&self, place: String) -> String {
        match self.at(&place).and_then(|value| value["$ref"].as_str()) {
            Some(reference) => reference.strip_prefix('#').expect("a reference within the document").to_owned(),
            None => place,
        }
    }

    /// The operations, such as `GET /sessions`.
    pub(super) fn operations(&self) -> BTreeSet<String> {
        let paths = self.root["paths"].as_object().unwrap();
        let methods = |(path, item): (&String, &Value)| {
            let methods = METHODS.iter().filter(|method| item.get(**method).is_some());
            methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
        };
        paths.iter().flat_map(methods).collect()
    }

    /// The place of an operation.
    pub(super) fn place_of(operation: &str) -> String {
        let (method, path) = operation.split_once(' ').unwrap();
        format!("/paths/{}/{}", escaped(path), method.to_lowercase())
    }

    /// The places of an operation's parameters, by name in lower case.
    pub(super) fn parameters(&self, operation: &str) -> BTreeMap<String, String> {
        let place = Self::place_of(operation);
        let (item, _) = place.rsplit_once('/').unwrap();
        let mut parameters = BTreeMap::new();
        for list in [format!("{item}/parameters"), format!("{place}/parameters")] {
            for n in 0..self.at(&list).and_then(Value::as_array).map_or(0, Vec::len) {
                let place = self.follow(format!("{list}/{n}"));
                let name = self.at(&place).unwrap()["name"].as_str().unwrap();
                assert!(parameters.insert(name.to_lowercase(), place).is_none(), "{operation} takes {name} twice");
            }
        }
        parameters
    }

    /// The operation that a request is, by its method and its path.
    pub(super) fn operation_of(&self, method: &str, path: &str) -> Option<String> {
        let fits = |template: &&String| {
            let (mut wanted, mut given) = (template.split('/'), path.split('/'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => return true,
                    (Some(wanted), Some(given))
                        if wanted == given || (wanted.starts_with('{') && !given.is_empty()) => {}
                    _ => return false,
                }
            }
        };
        let paths = self.root["paths"].as_object().unwrap();
        // A path that is written out goes before one with a parameter.
        let template = paths.keys().filter(fits).min_by_key(|template| template.matches('{').count())?;
        let is_there = paths[template].get(method.to_lowercase()).is_some();
        is_there.then(|| format!("{method} {template}"))
    }

    /// An example of an operation's request body.
    pub(super) fn request_example(&self, operation: &str, name: &str) -> Value {
        let place = Self::place_of(operation);
        let place = format!("{place}/requestBody/content/application~1json/examples/{name}/value");
        self.at(&place).unwrap_or_else(|| panic!("{} has no {place}", self.name)).clone()
    }

    /// Walks over all values, each with its place.
    pub(super) fn walk(&self, visit: &mut dyn FnMut(&str, &Value)) {
        walk(&self.root, "", visit);
    }
}

fn walk(value: &Value, place: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(place, value);
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| walk(field, &format!("{place}/{}", escaped(name)), visit));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| walk(item, &format!("{place}/{n}"), visit));
        }
        _ => {}
    }
}

/// A name as it stands in a place.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
