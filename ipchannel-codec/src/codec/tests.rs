use std::collections::BTreeMap;
use std::fmt::Debug;

use ipchannel_core::Payload;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::*;

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
enum Shape {
    Unit,
    New(u64),
    Tuple(i8, String),
    Struct { side: f64 },
    Nested(Box<Shape>),
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Default)]
struct Job {
    name: String,
    #[serde(default)]
    priority: Option<u8>,
    args: Vec<u32>,
}

#[derive(Deserialize, Serialize, PartialEq, Debug)]
struct Marker;

/// JSON under another id: what a user would add.
struct Custom(u8, &'static str);

impl Codec for Custom {
    fn id(&self) -> CodecId {
        CodecId(self.0)
    }

    fn name(&self) -> &'static str {
        self.1
    }

    fn encode<T: Serialize + ?Sized>(&self, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        json::Json.encode(value, out)
    }

    fn decode<'de, S: DeserializeSeed<'de>>(&self, data: &'de [u8], seed: S) -> Result<S::Value, BoxError> {
        json::Json.decode(data, seed)
    }
}

const CUSTOM: CodecId = CodecId(200);

fn codecs() -> Codecs {
    Codecs::new().with(Custom(CUSTOM.0, "custom")).unwrap()
}

#[track_caller]
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    for id in [MSGPACK, JSON, CUSTOM] {
        let payload = codecs().encode(id, &value).unwrap();
        assert_eq!(payload.codec, id);
        assert_eq!(codecs().decode::<T>(&payload).unwrap(), value, "{id:?}: {payload:?}");
    }
}

fn payload(codec: CodecId, data: impl Into<Vec<u8>>) -> Payload {
    Payload { codec, data: data.into().into() }
}

#[test]
fn any_value_comes_back_as_it_was() {
    round_trip(());
    round_trip(Marker);
    round_trip(true);
    round_trip(("hello".to_owned(), 1, -1.5, 'x'));
    round_trip((u64::MAX, i64::MIN, u8::MIN, i8::MIN));
    round_trip([f64::MIN, f64::MAX, f64::MIN_POSITIVE, f64::EPSILON, 0.1, -0.0, 5e-324, 1.0 / 3.0]);
    round_trip([f32::MIN, f32::MAX, f32::MIN_POSITIVE, 0.1]);
    round_trip(Some(1));
    round_trip(None::<u8>);
    round_trip(vec![Some("a".to_owned()), None]);
    round_trip(vec![0_u8, 127, 128, 255]);
    round_trip(BTreeMap::from([("a".to_owned(), vec![1]), (String::new(), vec![])]));
    round_trip(BTreeMap::from([(1_u32, "numbers are keys too".to_owned())]));
    round_trip(vec![
        Shape::Unit,
        Shape::New(u64::MAX),
        Shape::Tuple(-1, "two".to_owned()),
        Shape::Struct { side: 2.5 },
        Shape::Nested(Box::new(Shape::Nested(Box::new(Shape::Unit)))),
    ]);
    round_trip(Job { name: "größer ☃".to_owned(), priority: Some(3), args: (0..1000).collect() });
    round_trip("x".repeat(100_000));
    round_trip(serde_json::json!({"a": [1, null, {"b": "c"}], "d": 1.5}));
}

#[test]
fn floats_come_back_to_the_last_bit() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let value = f64::from_bits(random.u64(..));
        if value.is_finite() {
            round_trip(value);
        }
    }
}

#[test]
fn what_is_written_never_changes() {
    let job = Job { name: "go".to_owned(), priority: None, args: vec![1, 300] };
    let golden: [(CodecId, &[u8]); 2] = [
        (MSGPACK, b"\x83\xa4name\xa2go\xa8priority\xc0\xa4args\x92\x01\xcd\x01\x2c"),
        (JSON, br#"{"name":"go","priority":null,"args":[1,300]}"#),
    ];
    for (id, bytes) in golden {
        assert_eq!(Codecs::new().encode(id, &job).unwrap(), payload(id, bytes));
    }
    assert_eq!(Codecs::new().encode(MSGPACK, &("hello", 1)).unwrap().data, b"\x92\xa5hello\x01"[..]);
    assert_eq!(
        Codecs::new().encode(MSGPACK, &Shape::Tuple(-1, "a".into())).unwrap().data,
        b"\x81\xa5Tuple\x92\xff\xa1a"[..]
    );
    assert_eq!(Codecs::new().encode(MSGPACK, &Shape::Unit).unwrap().data, b"\xa4Unit"[..]);
    assert_eq!(Codecs::new().encode(MSGPACK, &()).unwrap().data, b"\xc0"[..]);
    assert_eq!((RAW, MSGPACK, JSON), (CodecId(0), CodecId(1), CodecId(2)));
}

#[test]
fn fields_may_be_added_removed_and_moved() {
    #[derive(Serialize)]
    struct Newer {
        args: Vec<u32>,
        added: Vec<Shape>,
        name: String,
    }
    let newer = Newer { args: vec![1], added: vec![Shape::New(1), Shape::Unit], name: "a".to_owned() };
    for id in [MSGPACK, JSON, CUSTOM] {
        let read: Job = codecs().decode(&codecs().encode(id, &newer).unwrap()).unwrap();
        assert_eq!(read, Job { name: "a".to_owned(), priority: None, args: vec![1] });
    }
}

#[test]
fn unsized_values_are_encoded() {
    for id in [MSGPACK, JSON, CUSTOM] {
        let payload = codecs().encode(id, "text").unwrap();
        assert_eq!(codecs().decode::<String>(&payload).unwrap(), "text");
        let payload = codecs().encode(id, &[1_u16, 2][..]).unwrap();
        assert_eq!(codecs().decode::<Vec<u16>>(&payload).unwrap(), [1, 2]);
    }
}

#[test]
fn raw_payloads_are_bytes_and_text() {
    #[derive(Deserialize)]
    struct Wrapped(Option<Vec<u8>>);
    let codecs = Codecs::new();
    let bytes = raw(vec![1, 2, 255]);
    assert_eq!(codecs.decode::<Vec<u8>>(&bytes).unwrap(), [1, 2, 255]);
    assert_eq!(codecs.decode::<Wrapped>(&bytes).unwrap().0.unwrap(), [1, 2, 255]);
    assert!(matches!(codecs.decode::<String>(&bytes), Err(DecodeError::Malformed { codec: "raw", .. })));
    assert!(matches!(codecs.decode::<u64>(&bytes), Err(DecodeError::Malformed { codec: "raw", .. })));
    assert_eq!(codecs.decode::<String>(&raw("text")).unwrap(), "text");
    assert!(matches!(codecs.encode(RAW, "text"), Err(EncodeError::Raw)));
}

#[test]
fn an_unknown_codec_is_named() {
    let error = Codecs::new().decode::<()>(&payload(CUSTOM, "null")).unwrap_err();
    assert!(matches!(error, DecodeError::UnknownCodec(CUSTOM)) && error.to_string().contains("200"), "{error}");
    let error = Codecs::new().encode(CodecId(3), &()).unwrap_err();
    assert!(matches!(error, EncodeError::UnknownCodec(CodecId(3))) && error.to_string().contains('3'), "{error}");
}

#[test]
fn codecs_do_not_take_each_others_places() {
    let taken = |codec| codecs().with(codec).unwrap_err();
    assert!(matches!(taken(Custom(127, "mine")), RegisterError::Reserved(CodecId(127))));
    assert!(matches!(taken(Custom(200, "mine")), RegisterError::IdTaken(CUSTOM)));
    assert!(matches!(taken(Custom(201, "custom")), RegisterError::NameTaken("custom")));
    assert!(matches!(taken(Custom(201, "json")), RegisterError::NameTaken("json")));
    let names = ["raw", "msgpack", "json", "custom", "other"];
    assert_eq!(names.map(|name| codecs().id(name)), [Some(RAW), Some(MSGPACK), Some(JSON), Some(CUSTOM), None]);
}

#[test]
fn a_value_that_a_format_cannot_hold_is_an_error() {
    let keyed_by_tuples = BTreeMap::from([((1, 2), 3)]);
    assert!(Codecs::new().encode(MSGPACK, &keyed_by_tuples).is_ok());
    let error = Codecs::new().encode(JSON, &keyed_by_tuples).unwrap_err();
    assert!(matches!(error, EncodeError::Value { codec: "json", .. }), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[track_caller]
fn is_malformed<T: DeserializeOwned + Debug>(codec: CodecId, data: impl Into<Vec<u8>>) {
    let outcome = codecs().decode::<T>(&payload(codec, data));
    assert!(matches!(outcome, Err(DecodeError::Malformed { .. })), "{outcome:?}");
}

#[test]
fn malformed_payloads_are_errors() {
    for id in [MSGPACK, JSON, CUSTOM] {
        is_malformed::<()>(id, "");
        is_malformed::<Job>(id, "x");
        let good = codecs().encode(id, &(Shape::Tuple(1, "a".into()), 1.5, Some(7))).unwrap().data;
        for end in 0..good.len() {
            is_malformed::<(Shape, f64, Option<u8>)>(id, &good[..end]);
        }
        is_malformed::<(Shape, f64, Option<u8>)>(id, [&good[..], b"\x01"].concat());
        is_malformed::<u8>(id, codecs().encode(id, &300).unwrap().data);
    }
    is_malformed::<String>(MSGPACK, b"\xa1\xff");
    is_malformed::<serde_json::Value>(MSGPACK, b"\xc1");
}

#[test]
fn lengths_that_promise_too_much_are_errors_and_cost_nothing() {
    let bombs: [&[u8]; 5] = [b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"];
    for marker in bombs {
        for tail in [&b""[..], b"\x01", b"\xa1a\xa1b"] {
            let bomb = [marker, &u32::MAX.to_be_bytes(), tail].concat();
            is_malformed::<Vec<u64>>(MSGPACK, bomb.clone());
            is_malformed::<Vec<()>>(MSGPACK, bomb.clone());
            is_malformed::<String>(MSGPACK, bomb.clone());
            is_malformed::<BTreeMap<String, String>>(MSGPACK, bomb.clone());
            is_malformed::<std::collections::HashMap<String, [u64; 32]>>(MSGPACK, bomb.clone());
            is_malformed::<serde_json::Value>(MSGPACK, bomb.clone());
        }
    }
}

/// On a stack as small as any that a payload is decoded on.
#[track_caller]
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1024 * 1024).spawn(test).unwrap().join().unwrap();
}

fn is_too_deep<T: DeserializeOwned + Debug>(codec: CodecId, data: Vec<u8>) {
    let outcome = codecs().decode::<T>(&payload(codec, data));
    assert!(matches!(outcome, Err(DecodeError::TooDeep)), "{outcome:?}");
}

#[derive(Deserialize, Debug)]
struct Tree {
    #[serde(default)]
    #[allow(dead_code)]
    left: Option<Box<Tree>>,
}

#[derive(Deserialize, Debug)]
#[serde(untagged)]
#[allow(dead_code)]
enum Loose {
    List(Vec<Loose>),
    Map(BTreeMap<String, Loose>),
    Number(f64),
}

/// Reading anything but nothing as this type never ends by itself.
#[derive(Deserialize, Debug)]
#[allow(dead_code)]
struct Bottomless(Option<Box<Bottomless>>);

#[test]
fn depth_bombs_are_errors() {
    on_a_small_stack(|| {
        const N: usize = 100_000;
        let again = |part: &[u8]| part.repeat(N);
        is_too_deep::<serde_json::Value>(MSGPACK, again(b"\x91"));
        is_too_deep::<serde_json::Value>(MSGPACK, again(b"\x81\xa1a"));
        is_too_deep::<Loose>(MSGPACK, again(b"\x91"));
        is_too_deep::<Tree>(MSGPACK, again(b"\x81\xa4left"));
        is_too_deep::<Shape>(MSGPACK, again(b"\x81\xa6Nested"));
        is_too_deep::<Bottomless>(MSGPACK, b"\x01".to_vec());
        // In a field that nobody reads.
        is_too_deep::<Tree>(MSGPACK, [b"\x81\xa1x".to_vec(), again(b"\x91")].concat());
        for id in [JSON, CUSTOM] {
            is_too_deep::<serde_json::Value>(id, again(b"["));
            is_too_deep::<serde_json::Value>(id, again(br#"{"a":"#));
            is_too_deep::<Loose>(id, again(b"["));
            is_too_deep::<Tree>(id, again(br#"{"left":"#));
            is_too_deep::<Shape>(id, again(br#"{"Nested":"#));
            is_too_deep::<Bottomless>(id, b"1".to_vec());
        }
        is_too_deep::<Bottomless>(RAW, b"1".to_vec());
    });
}

#[test]
fn what_nests_up_to_the_limit_is_read() {
    on_a_small_stack(|| {
        for id in [MSGPACK, JSON, CUSTOM] {
            let nested = |levels| (1..levels).fold(serde_json::json!([]), |inner, _| serde_json::json!([inner]));
            let fits = codecs().encode(id, &nested(MAX_DEPTH)).unwrap();
            assert_eq!(codecs().decode::<serde_json::Value>(&fits).unwrap(), nested(MAX_DEPTH));
            let outcome = codecs().decode::<serde_json::Value>(&codecs().encode(id, &nested(MAX_DEPTH + 1)).unwrap());
            assert!(matches!(outcome, Err(DecodeError::TooDeep)), "{outcome:?}");
        }
    });
}

#[test]
fn mutilated_payloads_never_panic() {
    on_a_small_stack(|| {
        let mut random = fastrand::Rng::with_seed(11);
        let value = (vec![Shape::Nested(Box::new(Shape::Struct { side: 1.0 }))], Job::default(), Some("text"));
        for id in [MSGPACK, JSON, CUSTOM] {
            let good = codecs().encode(id, &value).unwrap().data;
            for _ in 0..10_000 {
                let mut bytes = good.to_vec();
                for _ in 0..random.usize(1..4) {
                    let at = random.usize(..bytes.len());
                    bytes[at] = random.u8(..);
                }
                let payload = payload(id, bytes);
                let _ = codecs().decode::<(Vec<Shape>, Job, Option<String>)>(&payload);
                let _ = codecs().decode::<serde_json::Value>(&payload);
                let _ = codecs().decode::<Loose>(&payload);
            }
        }
    });
}
