//! What ClickHouse's error codes mean for the rows that were sent. The only place that knows.

/// What an answer means for the rows that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Another try may succeed.
    Temporary,
    /// A row of the block does not fit its column: halving finds it.
    RowRefused,
    /// No row will ever be taken until somebody changes something.
    Misconfigured,
}

use Nature::{Misconfigured, RowRefused};

/// Code, the server's own name of it, and its meaning. What is not listed is temporary: too many parts,
/// memory, time, network, Keeper, a table that is read-only for now. To hold rows is safe, and it is loud.
pub const CODES: &[(u32, &str, Nature)] = &[
    (6, "CANNOT_PARSE_TEXT", RowRefused),
    (16, "NO_SUCH_COLUMN_IN_TABLE", Misconfigured),
    (26, "CANNOT_PARSE_QUOTED_STRING", RowRefused),
    (27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED", RowRefused),
    (33, "CANNOT_READ_ALL_DATA", RowRefused),
    (38, "CANNOT_PARSE_DATE", RowRefused),
    (41, "CANNOT_PARSE_DATETIME", RowRefused),
    (43, "ILLEGAL_TYPE_OF_ARGUMENT", RowRefused),
    (46, "UNKNOWN_FUNCTION", Misconfigured),
    (47, "UNKNOWN_IDENTIFIER", Misconfigured),
    (48, "NOT_IMPLEMENTED", Misconfigured),
    (53, "TYPE_MISMATCH", RowRefused),
    (60, "UNKNOWN_TABLE", Misconfigured),
    (62, "SYNTAX_ERROR", Misconfigured),
    (69, "ARGUMENT_OUT_OF_BOUND", RowRefused),
    (70, "CANNOT_CONVERT_TYPE", RowRefused),
    (72, "CANNOT_PARSE_NUMBER", RowRefused),
    (81, "UNKNOWN_DATABASE", Misconfigured),
    (85, "FORMAT_IS_NOT_SUITABLE_FOR_INPUT", RowRefused),
    (115, "UNKNOWN_SETTING", Misconfigured),
    (117, "INCORRECT_DATA", RowRefused),
    (128, "TOO_LARGE_ARRAY_SIZE", RowRefused),
    (131, "TOO_LARGE_STRING_SIZE", RowRefused),
    (190, "SIZES_OF_ARRAYS_DONT_MATCH", RowRefused),
    (192, "UNKNOWN_USER", Misconfigured),
    (193, "WRONG_PASSWORD", Misconfigured),
    (194, "REQUIRED_PASSWORD", Misconfigured),
    (195, "IP_ADDRESS_NOT_ALLOWED", Misconfigured),
    (291, "DATABASE_ACCESS_DENIED", Misconfigured),
    (321, "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE", RowRefused),
    (349, "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN", RowRefused),
    (376, "CANNOT_PARSE_UUID", RowRefused),
    (395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO", RowRefused),
    (407, "DECIMAL_OVERFLOW", RowRefused),
    (441, "CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING", RowRefused),
    (467, "CANNOT_PARSE_BOOL", RowRefused),
    (469, "VIOLATED_CONSTRAINT", RowRefused),
    (497, "ACCESS_DENIED", Misconfigured),
    (516, "AUTHENTICATION_FAILED", Misconfigured),
    (675, "CANNOT_PARSE_IPV4", RowRefused),
    (676, "CANNOT_PARSE_IPV6", RowRefused),
    (691, "UNKNOWN_ELEMENT_OF_ENUM", RowRefused),
];

/// Codes of what is temporary, by the server's own names, whose messages speak of the server and never of a
/// row: time, memory, space, network, Keeper, too many parts, a table that is read-only or busy.
pub const QUOTES_NO_ROW: &[(u32, &str)] = &[
    (159, "TIMEOUT_EXCEEDED"),
    (164, "READONLY"),
    (202, "TOO_MANY_SIMULTANEOUS_QUERIES"),
    (209, "SOCKET_TIMEOUT"),
    (210, "NETWORK_ERROR"),
    (225, "NO_ZOOKEEPER"),
    (236, "ABORTED"),
    (241, "MEMORY_LIMIT_EXCEEDED"),
    (242, "TABLE_IS_READ_ONLY"),
    (243, "NOT_ENOUGH_SPACE"),
    (252, "TOO_MANY_PARTS"),
    (279, "ALL_CONNECTION_TRIES_FAILED"),
    (285, "TOO_FEW_LIVE_REPLICAS"),
    (286, "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE"),
    (319, "UNKNOWN_STATUS_OF_INSERT"),
    (439, "CANNOT_SCHEDULE_TASK"),
    (473, "DEADLOCK_AVOIDED"),
    (499, "S3_ERROR"),
    (999, "KEEPER_EXCEPTION"),
];

/// Whether the server's message under this code may be shown.
pub fn quotes_no_row(code: u32) -> bool {
    QUOTES_NO_ROW.iter().any(|(known, _)| *known == code)
}

/// By the server's error code.
pub fn nature(code: u32) -> Nature {
    CODES
        .iter()
        .find(|(known, _, _)| *known == code)
        .map_or(Nature::Temporary, |(_, _, nature)| *nature)
}
