//! Private keys, line by line: no line leaves in any writing or cut, and what an agent does with a file that holds a key
//! has the same result as without the gateway.

mod agent;
mod hidden;
mod support;
