//! The coordinator as gateways meet it: the real binary, over TLS, on the embedded database.

mod client;
mod coordinator;

use aegis_proto::chain::ChainHash;
use aegis_proto::checkpoint::signed_bytes;
use aegis_proto::v1::audit_service_client::AuditServiceClient;
use aegis_proto::v1::enrolment_service_client::EnrolmentServiceClient;
use aegis_proto::v1::fleet_service_client::FleetServiceClient;
use aegis_proto::v1::ship_request::Message;
use aegis_proto::v1::ship_response::Message as Answer;
use aegis_proto::v1::{
    Checkpoint, CloseStream, EnrolRequest, EventBatch, HealthReport, OpenStream, RefusalCode, RenewRequest,
    ShipRequest, StreamAck, StreamName,
};
use client::{Identity, channel};
use coordinator::Coordinator;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// A line as a gateway writes it.
fn line(number: u64) -> Vec<u8> {
    format!(
        r#"{{"v":1,"id":"{number:032x}","time":"2026-11-30T17:00:00.000000Z","key":"ci","org":null,"peer":"192.0.2.7","method":"POST","upstream":"openai","path":"/v1/chat/completions","status":200,"upstream_status":200,"error":null,"ended":"complete","findings_total":0,"findings":[],"restored":0}}"#
    )
    .into_bytes()
}

/// A call that ships.
struct Shipping {
    requests: mpsc::Sender<ShipRequest>,
    answers: Streaming<aegis_proto::v1::ShipResponse>,
}

impl Shipping {
    async fn begin(identity: &Identity, coordinator: &Coordinator) -> Shipping {
        let channel = channel(coordinator.grpc, &identity.authority, Some(identity)).await;
        let (requests, stream) = mpsc::channel(8);
        let answers = AuditServiceClient::new(channel).ship(ReceiverStream::new(stream)).await;
        Shipping { requests, answers: answers.expect("a call").into_inner() }
    }

    async fn say(&mut self, message: Message) -> Answer {
        self.requests.send(ShipRequest { message: Some(message) }).await.expect("sent");
        self.answers.message().await.expect("no error").expect("an answer").message.expect("content")
    }
}

struct Stream {
    name: StreamName,
    hash: ChainHash,
    sequence: u64,
}

impl Stream {
    fn new(identity: &Identity, organisation: &str, boot: &str) -> Stream {
        Stream {
            name: StreamName { boot_id: boot.to_owned(), organisation_id: organisation.to_owned() },
            hash: ChainHash::start(organisation, &identity.gateway_id, boot),
            sequence: 0,
        }
    }

    fn open(&self) -> Message {
        Message::Open(OpenStream { stream: Some(self.name.clone()), ..OpenStream::default() })
    }

    /// The next `count` events.
    fn batch(&mut self, count: u64) -> Message {
        let first_sequence = self.sequence + 1;
        let mut events = Vec::new();
        for number in first_sequence..first_sequence + count {
            let event = line(number);
            self.hash = self.hash.after(number, &event);
            events.push(event);
        }
        self.sequence += count;
        let last_hash = self.hash.0.to_vec();
        Message::Batch(EventBatch { stream: Some(self.name.clone()), first_sequence, events, last_hash })
    }

    fn checkpoint(&self, identity: &Identity) -> Message {
        let mut checkpoint = Checkpoint {
            stream: Some(self.name.clone()),
            sequence: self.sequence,
            hash: self.hash.0.to_vec(),
            signed_at_us: 5,
            signature: Vec::new(),
        };
        checkpoint.signature = identity.sign(&signed_bytes(&identity.gateway_id, &checkpoint));
        Message::Checkpoint(checkpoint)
    }
}

fn acknowledged(answer: Answer) -> StreamAck {
    match answer {
        Answer::Ack(ack) => ack,
        other => panic!("{other:?}"),
    }
}

fn refused(answer: Answer) -> RefusalCode {
    match answer {
        Answer::Refusal(refusal) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_gateway_enrols_ships_signs_and_its_chain_verifies() {
    let mut coordinator = Coordinator::start();
    runtime().block_on(async {
        let identity = Identity::enrol(&coordinator).await;
        let mut stream = Stream::new(&identity, &coordinator.organisation, "boot_1");
        let mut shipping = Shipping::begin(&identity, &coordinator).await;
        let ack = acknowledged(shipping.say(stream.open()).await);
        assert_eq!((ack.sequence, ack.hash.as_slice()), (0, stream.hash.0.as_slice()));
        assert_eq!(acknowledged(shipping.say(stream.batch(3)).await).sequence, 3);
        let again = stream.batch(4);
        assert_eq!(acknowledged(shipping.say(again.clone()).await).sequence, 7);
        // A batch that is sent again is acknowledged and not written twice.
        assert_eq!(acknowledged(shipping.say(again).await).sequence, 7);
        acknowledged(shipping.say(stream.checkpoint(&identity)).await);
        drop(shipping);

        // After a crash the stream goes on where it stood.
        coordinator.kill_and_start();
        let mut shipping = Shipping::begin(&identity, &coordinator).await;
        let ack = acknowledged(shipping.say(stream.open()).await);
        assert_eq!((ack.sequence, ack.hash.as_slice()), (7, stream.hash.0.as_slice()));
        assert_eq!(acknowledged(shipping.say(stream.batch(1)).await).sequence, 8);
        acknowledged(shipping.say(Message::Close(CloseStream { stream: Some(stream.name.clone()) })).await);
    });
    coordinator.stop();
    let (code, said) = coordinator.admin(&["audit-verify", "--organisation", &coordinator.organisation]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("8 events as they came, 0 expired, 1 checkpoints agree"), "{said}");
}

#[test]
fn holes_forks_strangers_and_wrong_signatures_are_refused() {
    let coordinator = Coordinator::start();
    runtime().block_on(async {
        let identity = Identity::enrol(&coordinator).await;
        let mut stream = Stream::new(&identity, &coordinator.organisation, "boot_1");
        let mut shipping = Shipping::begin(&identity, &coordinator).await;
        assert_eq!(refused(shipping.say(stream.batch(1)).await), RefusalCode::Invalid, "it was not opened");
        stream = Stream::new(&identity, &coordinator.organisation, "boot_1");
        acknowledged(shipping.say(stream.open()).await);
        let _lost = stream.batch(2);
        assert_eq!(refused(shipping.say(stream.batch(1)).await), RefusalCode::Gap);
        let mut forked = Stream::new(&identity, &coordinator.organisation, "boot_1");
        forked.hash = ChainHash([9; 32]);
        assert_eq!(refused(shipping.say(forked.batch(2)).await), RefusalCode::Chain);
        let mut right = Stream::new(&identity, &coordinator.organisation, "boot_1");
        assert_eq!(acknowledged(shipping.say(right.batch(2)).await).sequence, 2);
        let Message::Checkpoint(mut checkpoint) = right.checkpoint(&identity) else { unreachable!() };
        checkpoint.signed_at_us += 1;
        assert_eq!(refused(shipping.say(Message::Checkpoint(checkpoint)).await), RefusalCode::Invalid);
        // Another organisation than its own.
        let other = Stream::new(&identity, "org_of_somebody_else", "boot_1");
        assert_eq!(refused(shipping.say(other.open()).await), RefusalCode::Organisation);
        // A second process with the same identity, and one that takes over.
        let clone = Stream::new(&identity, &coordinator.organisation, "boot_2");
        assert_eq!(refused(shipping.say(clone.open()).await), RefusalCode::SecondStream);
        let Message::Open(mut open) = clone.open() else { unreachable!() };
        open.predecessor_boot_id = "boot_1".to_owned();
        acknowledged(shipping.say(Message::Open(open)).await);
        assert_eq!(
            acknowledged(shipping.say(right.batch(1)).await).sequence,
            3,
            "both ship until the first ends"
        );
    });
}

#[test]
fn only_who_was_enrolled_may_call() {
    let coordinator = Coordinator::start();
    runtime().block_on(async {
        let identity = Identity::enrol(&coordinator).await;
        let anonymous = channel(coordinator.grpc, &identity.authority, None).await;
        let error = AuditServiceClient::new(anonymous.clone())
            .ship(tokio_stream::empty())
            .await
            .expect_err("anonymous");
        assert_eq!(error.code(), Code::Unauthenticated, "{error}");
        let error = FleetServiceClient::new(anonymous.clone())
            .report(tokio_stream::empty())
            .await
            .expect_err("anonymous");
        assert_eq!(error.code(), Code::Unauthenticated, "{error}");

        let wrong_keys = ["", "sk-other", &coordinator.join_key[..coordinator.join_key.len() - 1]];
        for join_key in wrong_keys {
            let request = EnrolRequest { join_key: join_key.to_owned(), ..EnrolRequest::default() };
            let error =
                EnrolmentServiceClient::new(anonymous.clone()).enrol(request).await.expect_err("a wrong key");
            assert_eq!(error.code(), Code::Unauthenticated, "{error}");
            assert!(!error.message().contains("sk-other"), "{error}");
        }
        let request = EnrolRequest { join_key: coordinator.join_key.clone(), ..EnrolRequest::default() };
        let error = EnrolmentServiceClient::new(anonymous).enrol(request).await.expect_err("no request");
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");

        // Renewal: the same key, and no other.
        let mut client = EnrolmentServiceClient::new(
            channel(coordinator.grpc, &identity.authority, Some(&identity)).await,
        );
        let renewed =
            client.renew(RenewRequest { signing_request: identity.request() }).await.expect("renewed");
        assert_eq!(renewed.into_inner().certificates.len(), 1);
        let other = Identity::enrol(&coordinator).await;
        let error =
            client.renew(RenewRequest { signing_request: other.request() }).await.expect_err("another key");
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");

        // A certificate of another installation's authority is refused by TLS.
        let elsewhere = Coordinator::start();
        let stranger = Identity::enrol(&elsewhere).await;
        let refused = client::try_channel(coordinator.grpc, &identity.authority, Some(&stranger)).await;
        let is_refused = match refused {
            Err(_) => true,
            Ok(channel) => AuditServiceClient::new(channel).ship(tokio_stream::empty()).await.is_err(),
        };
        assert!(is_refused);
    });
}

#[test]
fn reports_are_kept_and_a_second_process_is_refused() {
    let coordinator = Coordinator::start();
    runtime().block_on(async {
        let identity = Identity::enrol(&coordinator).await;
        let report = |boot: &str| HealthReport {
            boot_id: boot.to_owned(),
            version: "0.1.0".to_owned(),
            ..HealthReport::default()
        };
        let begin = async |first: HealthReport| {
            let channel = channel(coordinator.grpc, &identity.authority, Some(&identity)).await;
            let (reports, stream) = mpsc::channel(4);
            reports.send(first).await.expect("sent");
            let commands =
                FleetServiceClient::new(channel).report(ReceiverStream::new(stream)).await.expect("a call");
            (reports, commands.into_inner())
        };
        let (first, mut commands) = begin(report("boot_1")).await;
        // The first is admitted once its report is kept; nothing else says so, and the second may come before it.
        coordinator.wait_for_reports(1);
        let (_second, mut refused) = begin(report("boot_2")).await;
        let error = refused.message().await.expect_err("refused");
        assert_eq!(error.code(), Code::AlreadyExists, "{error}");
        first.send(HealthReport { ending: true, ..report("boot_1") }).await.expect("sent");
        drop(first);
        assert!(commands.message().await.expect("no error").is_none());
        let (third, _commands) = begin(report("boot_2")).await;
        coordinator.wait_for_reports(2);
        drop(third);
    });
}
