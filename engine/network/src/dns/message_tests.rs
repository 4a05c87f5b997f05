use super::*;
use proptest::prelude::*;

fn query(name: &str, kind: u16) -> Vec<u8> {
    let mut out = vec![0x12, 0x34, RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    out.extend(encode_name(name));
    out.extend(kind.to_be_bytes());
    out.extend(IN.to_be_bytes());
    out
}

fn with_size(mut query: Vec<u8>, size: u16) -> Vec<u8> {
    query[11] = 1;
    query.push(0);
    query.extend(OPT.to_be_bytes());
    query.extend(size.to_be_bytes());
    query.extend([0; 6]);
    query
}

#[test]
fn questions() {
    let asked = |bytes: &[u8], test: &dyn Fn(Asked)| test(Query::parse(bytes).unwrap().asked());
    asked(&query("Web.MyNet", A), &|asked| assert_eq!(asked, Asked::Ipv4("web.mynet")));
    asked(&query("web", AAAA), &|asked| assert_eq!(asked, Asked::Ipv6("web")));
    asked(&query("web", 15), &|asked| assert_eq!(asked, Asked::Other("web")));
    asked(&query("", 2), &|asked| assert_eq!(asked, Asked::Other("")));
    let reverse = Asked::Reverse("172.18.0.2".parse().unwrap());
    asked(&query("2.0.18.172.in-addr.arpa", PTR), &|asked| assert_eq!(asked, reverse));
    let nibbles = format!("2.{}0.d.f.ip6.arpa", "0.".repeat(28)).replace("0.d.f", "0.0.d.f").replacen("0.", "", 1);
    asked(&query(&nibbles, PTR), &|asked| assert_eq!(asked, Asked::Reverse("fd00::2".parse().unwrap())));
    asked(&query("18.172.in-addr.arpa", PTR), &|asked| assert_eq!(asked, Asked::Other("18.172.in-addr.arpa")));
    // The class of the chaos, by which one asks for versions.
    let mut chaos = query("web", A);
    *chaos.last_mut().unwrap() = 3;
    asked(&chaos, &|asked| assert_eq!(asked, Asked::Other("web")));
    // A dot inside a label is none between labels.
    let mut dotted = query("webxmynet", A);
    dotted[16] = b'.';
    asked(&dotted, &|asked| assert_eq!(asked, Asked::Ipv4("web\\046mynet")));
}

#[test]
fn sizes() {
    let size = |bytes: &[u8]| Query::parse(bytes).unwrap().size();
    assert_eq!(size(&query("web", A)), 512);
    assert_eq!(size(&with_size(query("web", A), 1232)), 1232);
    assert_eq!(size(&with_size(query("web", A), 0)), 512);
    assert_eq!(size(&with_size(query("web", A), 65535)), LARGEST_DATAGRAM);
}

#[test]
fn what_is_no_query_gets_no_answer_and_what_is_a_bad_one_is_told() {
    assert_eq!(Query::parse(&[]), Err(None));
    assert_eq!(Query::parse(&[0; 11]), Err(None));
    let mut response = query("web", A);
    response[2] |= RESPONSE;
    assert_eq!(Query::parse(&response), Err(None));
    let code = |bytes: &[u8]| Query::parse(bytes).unwrap_err().map(|answer| answer[3] & CODE);
    assert_eq!(code(&[0; 12]), Some(Code::FormatError as u8));
    let mut update = query("web", A);
    update[2] |= 5 << 3;
    assert_eq!(code(&update), Some(Code::NotImplemented as u8));
    // A name that points to itself, one that is too long, one that is cut short.
    let mut round = query("web", A);
    round[12..14].copy_from_slice(&[0xc0, 12]);
    assert_eq!(code(&round), Some(Code::FormatError as u8));
    assert_eq!(code(&query(&"abcdefg.".repeat(40), A)), Some(Code::FormatError as u8));
    assert_eq!(code(&query("web", A)[..18]), Some(Code::FormatError as u8));
}

#[test]
fn answers() {
    let bytes = query("web", A);
    let web = Query::parse(&bytes).unwrap();
    let answer = web.answer(Code::Success, &[Record::Address("172.18.0.2".parse().unwrap())], 512);
    let mut expected = bytes.clone();
    (expected[2], expected[3], expected[7]) = (0x81, 0x80, 1);
    expected.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 172, 18, 0, 2]);
    assert_eq!(answer, expected);
    assert_eq!(code_of_answer(&bytes, &answer), Some(0));
    assert_eq!(code_of_answer(&bytes, &web.fail(Code::ServerFailure)), Some(2));
    let reverse = query("2.0.18.172.in-addr.arpa", PTR);
    let answer = Query::parse(&reverse).unwrap().answer(Code::Success, &[Record::Name("web.mynet".into())], 512);
    assert!(answer.ends_with(b"\x00\x0b\x03web\x05mynet\x00"));
    // Who says how much it takes is told how much we do.
    let sized = with_size(query("web", A), 1232);
    let answer = Query::parse(&sized).unwrap().fail(Code::Success);
    assert_eq!((answer[11], answer.len()), (1, sized.len()));
}

#[test]
fn only_the_answer_to_the_question_counts() {
    let bytes = query("web", A);
    let right = Query::parse(&bytes).unwrap().fail(Code::Success);
    let other_id = [&[0, 0], &right[2..]].concat();
    let no_response = [&right[..2], &[0], &right[3..]].concat();
    let other_name = Query::parse(&query("wob", A)).unwrap().fail(Code::Success);
    let other_kind = Query::parse(&query("web", AAAA)).unwrap().fail(Code::Success);
    let upper = Query::parse(&query("WEB", A)).unwrap().fail(Code::Success);
    for wrong in [other_id, no_response, other_name, other_kind, vec![], right[..14].to_vec()] {
        assert_eq!(code_of_answer(&bytes, &wrong), None, "{wrong:?}");
    }
    assert_eq!(code_of_answer(&bytes, &upper), Some(0));
}

#[test]
fn what_does_not_fit_is_cut_between_records() {
    let bytes = query("web", A);
    let web = Query::parse(&bytes).unwrap();
    let records: Vec<_> = (0..100).map(|n| Record::Address(Ipv4Addr::new(172, 18, 0, n).into())).collect();
    let whole = web.answer(Code::Success, &records, usize::MAX);
    assert!(!is_truncated(&whole) && whole.len() == bytes.len() + 1600);
    let short = web.answer(Code::Success, &records, 512);
    assert!(is_truncated(&short) && short.len() <= 512 && short.len() > 512 - 16);
    assert_eq!(usize::from(short[7]), (short.len() - bytes.len()) / 16);
    let mut cut_later = whole.clone();
    cut(&mut cut_later, 512);
    assert_eq!(cut_later, short);
    cut(&mut cut_later, 512);
    assert_eq!(cut_later, short);
    let mut bare = whole;
    cut(&mut bare, 14);
    assert_eq!((bare.len(), bare[5], bare[7]), (HEADER, 0, 0));
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    let query = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1];
    for length in 0..HEADER {
        // Of another number, and of the right one.
        for id in [1, 7] {
            let answer = [0, id, RESPONSE, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            assert_eq!(code_of_answer(&query, &answer[..length]), None);
        }
    }
}

proptest! {
    #[test]
    fn anything_can_be_read(bytes: Vec<u8>, answer: Vec<u8>, size in 0usize..600) {
        if let Ok(query) = Query::parse(&bytes) {
            let _ = query.asked();
            prop_assert!(Query::parse(query.bytes()).is_ok());
        }
        let _ = code_of_answer(&bytes, &answer);
        let mut shorter = answer;
        cut(&mut shorter, size.max(HEADER));
        prop_assert!(shorter.len() <= size.max(HEADER));
    }

    /// A query of which a few bytes were changed is read to its end more often than random ones.
    #[test]
    fn almost_queries_can_be_read(name in "[a-z.]{0,80}", changes: Vec<(prop::sample::Index, u8)>, size: u16, room in 12usize..600) {
        let mut bytes = with_size(query(&name, A), size);
        for (at, byte) in changes.iter().take(4) {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if let Ok(query) = Query::parse(&bytes) {
            let _ = query.asked();
            let records = vec![Record::Address(Ipv4Addr::LOCALHOST.into()); 50];
            let mut answer = query.answer(Code::Success, &records, room);
            prop_assert_eq!(code_of_answer(&bytes, &answer), Some(0));
            cut(&mut answer, room);
            prop_assert!(answer.len() <= room);
        }
    }

    #[test]
    fn a_name_is_read_as_written(name in "[a-z0-9_-]{1,63}(\\.[a-z0-9_-]{1,40}){0,4}", kind: u16) {
        let bytes = query(&name, kind);
        let query = Query::parse(&bytes).unwrap();
        prop_assert_eq!(&query.name, &name);
        prop_assert_eq!(query.kind, kind);
    }
}
