//! Names a place in a document for reports, such as `messages[3].content`.

use std::fmt::Write;

use crate::json::Container;
use crate::request::body::json::containers::OpenContainers;
use crate::request::body::json::member_names;

impl OpenContainers {
    /// Appends the name of this place to `name`; with `in_key` it is the key of a member itself. Names words of the
    /// providers' APIs only, never what the user's own data calls its members.
    pub(crate) fn write_name(&self, in_key: bool, name: &mut String) {
        let mut users = false;
        let open = self.tracked();
        for (level, container) in open.iter().enumerate() {
            let innermost = level + 1 == usize::from(self.depth());
            match container.container {
                Container::Array => {
                    let _ = write!(name, "[{}]", container.index);
                }
                Container::Object => {
                    let separator = if name.is_empty() { "" } else { "." };
                    let key = container.key.as_bytes();
                    let word = match member_names::known(key).filter(|_| !users) {
                        _ if innermost && in_key => "(key)",
                        known => known.unwrap_or(member_names::OTHER),
                    };
                    let _ = write!(name, "{separator}{word}");
                    let next = open.get(level + 1).map(|next| next.container);
                    users |= next == Some(Container::Object) && member_names::has_user_names(key);
                }
            }
        }
    }
}
