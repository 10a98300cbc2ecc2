//! How far it is and how long it takes, from the best source there is: a map server in the house's own network, what it
//! last said, an imported road map, or the straight line with a factor that is learned from the server. On top of that come
//! the conditions people enter (traffic by hour and area, weather, closures, building sites) and the weather as a service
//! says it, where one is set. Every answer says what it rests on.

pub mod api;
pub mod conditions;
pub mod error;
pub mod geometry;
pub mod map_api;
pub mod roads;
pub mod router;
pub mod service;
pub mod sources;
pub mod straight;
pub mod weather;
pub mod work;
