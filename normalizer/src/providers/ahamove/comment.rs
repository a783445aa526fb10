//! Why an order was called off, by its comment: the carrier's own text for one that no driver took,
//! which is known by its sense and not to the letter, or a person's. In doubt it is a person's.

use crate::providers::snapshot::cut;

const DRIVERS: [&str; 10] = [
    "courier",
    "couriers",
    "driver",
    "drivers",
    "rider",
    "riders",
    "shipper",
    "shippers",
    "supplier",
    "suppliers",
];
/// Between `no` and the driver.
const OF_DRIVERS: [&str; 6] = ["any", "available", "free", "nearby", "other", "suitable"];
const FOUND: [&str; 6] = ["assigned", "available", "found", "take", "taken", "took"];
/// These speak of a driver who had the order, or of its goods.
const PERSONAL: [&str; 23] = [
    "address",
    "answer",
    "arrive",
    "arrived",
    "call",
    "cash",
    "cod",
    "contact",
    "customer",
    "door",
    "food",
    "goods",
    "item",
    "items",
    "package",
    "parcel",
    "payment",
    "phone",
    "pickup",
    "receiver",
    "recipient",
    "shop",
    "store",
];
/// Vietnamese words between a negation and the driver; with those of a search, he was looked for.
const VERBLESS: [&str; 12] = [
    "bat", "co", "cu", "doi", "duoc", "ki", "ky", "mot", "nao", "tac", "the", "them",
];
const OF_SEARCH: [&str; 5] = ["duoc", "kiem", "ra", "thay", "tim"];
/// To come, to fetch, to reach; at a place: of a driver who had the order.
const OF_A_VISIT: [&str; 9] = ["cua", "dau", "den", "goi", "lac", "lay", "o", "tai", "toi"];

/// Whether the comment says that no driver took the order.
pub(super) fn says_nobody_accepted(comment: &str) -> bool {
    let text = folded(cut(comment));
    let clauses = text.split('|').map(|clause| {
        let words: Vec<&str> = clause.split_whitespace().collect();
        words
    });
    let clauses: Vec<Vec<&str>> = clauses.filter(|words| !words.is_empty()).collect();
    let is_auto = clauses.iter().any(|words| {
        words.iter().any(|word| word.starts_with("auto"))
            || words.windows(2).any(is(["tu", "dong"]))
    });
    let is_alone = clauses.len() == 1;
    clauses.iter().any(|clause| {
        let is_personal = clause.iter().any(|word| PERSONAL.contains(word));
        (0..clause.len()).any(|at| {
            let (before, tail) = clause.split_at(at);
            let is_whole = is_alone && before.is_empty();
            no_driver(tail, is_auto, is_whole, is_personal)
                || khong_tai_xe(tail, is_auto, is_whole)
                || khong_nhan(tail, is_auto)
                || !is_personal
                    && (nobody(tail) || not_accepted(tail, clause) || not_found(before, tail))
        })
    })
}

/// `no driver accepted`, `no available driver`, `no driver` alone.
fn no_driver(tail: &[&str], is_auto: bool, is_whole: bool, is_personal: bool) -> bool {
    let (["no" | "without", rest @ ..] | ["not", "any", rest @ ..]) = tail else {
        return false;
    };
    let between = rest.iter().take_while(|word| OF_DRIVERS.contains(word));
    let between = between.count();
    let Some((driver, after)) = rest.get(between..).and_then(<[&str]>::split_first) else {
        return false;
    };
    let is_said = || {
        let mut near = after.iter().take(6);
        near.any(|word| is_accept(word) || !is_personal && FOUND.contains(word))
    };
    DRIVERS.contains(driver)
        && (is_auto || is_said() || between > 0 && !is_personal || is_whole && after.is_empty())
}

/// `no one has accepted`, `none of the drivers accepted`.
fn nobody(tail: &[&str]) -> bool {
    let (["nobody" | "noone" | "none", rest @ ..] | ["no" | "not", "one" | "anyone", rest @ ..]) =
        tail
    else {
        return false;
    };
    rest.iter().take(5).any(|word| is_accept(word))
}

/// `the order was not accepted`, `drivers did not accept`. Who can't accept has another reason.
fn not_accepted(tail: &[&str], clause: &[&str]) -> bool {
    const NOT: [&str; 10] = [
        "arent", "didnt", "doesnt", "dont", "hasnt", "havent", "isnt", "never", "not", "wasnt",
    ];
    let [not, rest @ ..] = tail else { return false };
    let is_of_order = |word: &&str| {
        matches!(
            *word,
            "order" | "booking" | "job" | "request" | "ride" | "trip"
        ) || DRIVERS.contains(word)
    };
    let mut rest = rest
        .iter()
        .skip_while(|word| matches!(**word, "be" | "been" | "being" | "yet"));
    NOT.contains(not)
        && rest.next().is_some_and(|word| is_accept(word))
        && clause.iter().any(is_of_order)
}

/// `could not find a driver`, `driver not found`; but `the driver` had the order.
fn not_found(before: &[&str], tail: &[&str]) -> bool {
    const NOT: [&str; 9] = [
        "cannot", "cant", "couldnt", "didnt", "fail", "failed", "not", "unable", "wasnt",
    ];
    let is_driver = |word: &&str| DRIVERS.contains(word);
    let is_known = |word: &&str| matches!(*word, "the" | "my" | "our" | "this" | "your");
    match tail {
        [driver, rest @ ..] if is_driver(driver) => {
            let negation = rest.iter().take(2).position(|word| NOT.contains(word));
            let after = negation.and_then(|at| rest.get(at + 1..));
            let is_not_found = matches!(after, Some(["found", ..] | ["be", "found", ..]));
            is_not_found && !before.last().is_some_and(is_known)
        }
        [not, "to", "find", rest @ ..] | [not, "find" | "found", rest @ ..]
            if NOT.contains(not) =>
        {
            let mut named = rest.iter().take(3).take_while(|word| !is_known(word));
            named.any(is_driver)
        }
        _ => false,
    }
}

/// `không có tài xế nhận đơn`, `không tìm được tài xế`, `không có tài xế` alone.
fn khong_tai_xe(tail: &[&str], is_auto: bool, is_whole: bool) -> bool {
    let [first, rest @ ..] = tail else {
        return false;
    };
    let between = rest
        .iter()
        .take_while(|word| VERBLESS.contains(word) || OF_SEARCH.contains(word))
        .count();
    let (before, driver) = rest.split_at(between);
    let after = match driver {
        ["tai" | "lai", "xe", after @ ..] | ["bac", "tai", after @ ..] => after,
        [driver, after @ ..] if DRIVERS.contains(driver) => after,
        _ => return false,
    };
    if !is_negation(first) || before.contains(&"thay") && !before.contains(&"tim") {
        return false;
    }
    let near = after.iter().take(6);
    let near: Vec<&str> = near
        .copied()
        .take_while(|word| !OF_A_VISIT.contains(word))
        .collect();
    let is_visited = near.len() < after.len().min(6);
    let is_taken = near.contains(&"nhan") && !near.windows(2).any(is(["nhan", "may"]));
    is_taken || is_auto || before.contains(&"tim") && !is_visited || is_whole && after.is_empty()
}

/// `không ai nhận đơn`, `tài xế không nhận đơn`: the order, for goods and calls are also taken so.
fn khong_nhan(tail: &[&str], is_auto: bool) -> bool {
    let is_modal = |word: &&&str| matches!(**word, "chap" | "chiu" | "co" | "muon" | "deu" | "nao");
    let takes = |rest: &[&str]| {
        let modal = rest.iter().take_while(is_modal).count();
        match rest.get(modal..) {
            Some(["nhan", "cuoc", "goi", ..]) => false,
            Some(["nhan", "don" | "cuoc" | "chuyen", ..]) => true,
            Some(["nhan"]) => is_auto,
            _ => false,
        }
    };
    match tail {
        [not, "ai", rest @ ..] | [not, "co", "ai", rest @ ..] if is_negation(not) => takes(rest),
        ["tai" | "lai", "xe", not, rest @ ..] | ["tai" | "lai", "xe", "nao", not, rest @ ..]
            if is_negation(not) =>
        {
            takes(rest)
        }
        _ => false,
    }
}

fn is_negation(word: &str) -> bool {
    matches!(word, "khong" | "chua" | "ko")
}

fn is_accept(word: &str) -> bool {
    word.starts_with("accept")
}

fn is<'a>(pair: [&'a str; 2]) -> impl Fn(&[&'a str]) -> bool {
    move |words| *words == pair
}

/// Small letters without marks, whether these stand on their letters or behind them; `|` where a
/// clause ends, a space for what else is no letter.
fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        folded.push(match letter {
            '\u{300}'..='\u{36f}' | '\'' | '\u{2019}' => continue,
            'à'..='å' | 'ă' | 'ạ'..='ặ' => 'a',
            'đ' => 'd',
            'è'..='ë' | 'ẹ'..='ệ' => 'e',
            'ì'..='ï' | 'ĩ' | 'ỉ'..='ị' => 'i',
            'ò'..='ö' | 'ơ' | 'ọ'..='ợ' => 'o',
            'ù'..='ü' | 'ũ' | 'ư' | 'ụ'..='ự' => 'u',
            'ý' | 'ÿ' | 'ỳ'..='ỹ' => 'y',
            '.' | ',' | ';' | ':' | '!' | '?' | '(' | ')' | '\n' => '|',
            letter if letter.is_alphanumeric() => letter,
            _ => ' ',
        });
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(comments: &[&str], expected: bool) {
        for comment in comments {
            assert_eq!(says_nobody_accepted(comment), expected, "{comment}");
        }
    }

    #[test]
    fn the_carriers_text_is_known_in_other_words() {
        check(
            &[
                "Auto cancel, no driver accepted",
                "Order auto-cancelled: no drivers",
                "NO DRIVER ACCEPTS YOUR ORDER",
                "Sorry, no available driver has accepted your order.",
                "There is no driver available",
                "No driver found",
                "No supplier was willing to take the order",
                "No driver",
                "Nobody accepted the order",
                "No one accepted your order",
                "No-one has accepted",
                "None of the drivers accepted",
                "Your order was not accepted by any driver",
                "Order not accepted in time",
                "Drivers didn’t accept the order",
                "Driver not found",
                "Drivers could not be found",
                "Could not find a driver",
                "We couldn't find any available driver",
                "Unable to find driver",
                "System cancelled (failed to find a rider)",
            ],
            true,
        );
        check(
            &[
                "Tự động hủy, không có tài xế nhận đơn",
                "Không có tài xế nào nhận đơn",
                "Không có tài xế gần đây chấp nhận đơn hàng",
                "Không tài xế nào nhận đơn",
                "Chưa có tài xế nhận",
                "Không tìm được tài xế",
                "Không tìm thấy tài xế phù hợp",
                "Không thể tìm thấy tài xế",
                "Hệ thống tự động huỷ do không có tài xế",
                "KHÔNG CÓ TÀI XẾ",
                "khong co tai xe nhan don",
                "Không có shipper nhận đơn",
                "Không có đối tác tài xế nhận đơn",
                "Không có bác tài nào nhận đơn",
                "Không ai nhận đơn",
                "Không có ai nhận đơn hàng này",
                "Tài xế không nhận đơn",
                "Đơn hàng chưa được tài xế nào nhận",
            ],
            true,
        );
    }

    #[test]
    fn a_persons_reason_is_not_the_carriers() {
        check(
            &[
                "",
                "Vehicle is broken down",
                "driver not at pickup",
                "Driver not found at the pickup point",
                "I have no time",
                "No longer needed",
                "I can't find the driver",
                "My driver was not found",
                "Cannot contact the driver",
                "No contact from driver",
                "No driver at the store",
                "Driver has no cash",
                "The driver said no. Driver accepted another order",
                "Driver cannot accept this order",
                "Driver does not accept cash",
                "Customer did not accept the order",
                "Nobody accepted the parcel at the door",
                "No one answered",
                "Order not ready",
                "I accepted the wrong order",
                "Auto parts are not ready",
            ],
            false,
        );
        check(
            &[
                "Tôi không có thời gian",
                "Tài xế không đến",
                "Không liên lạc được tài xế",
                "Không thấy tài xế đến nhận hàng",
                "Không có tài xế đến nhận hàng",
                "Không tìm thấy tài xế ở điểm lấy hàng",
                "Tài xế không liên lạc được với người nhận",
                "Tài xế không nhận hàng",
                "Tài xế không nhận cuộc gọi",
                "Người nhận không nghe máy",
                "Khách không nhận hàng",
                "Không có ai nhận hàng",
                "Không nhận được đơn",
                "Tài xế yêu cầu hủy đơn",
            ],
            false,
        );
    }

    #[test]
    fn marks_behind_their_letters_are_the_same_text() {
        check(
            &[
                "Kho\u{302}ng co\u{301} ta\u{300}i xe\u{302}\u{301} nha\u{323}\u{302}n \u{111}o\u{31b}n",
                "Kho\u{302}ng ti\u{300}m đươ\u{323}c tài xế",
            ],
            true,
        );
        assert_eq!(folded("ĐƯỜNG Ỹ ẶẴ"), "duong y aa");
    }
}
