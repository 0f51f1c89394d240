//! A subscriber of one thread beside that of the process: each hears of its own spans. A process of its own, since a new
//! subscriber has all functions registered once more.

#[expect(dead_code, reason = "`spans.rs` asks for more")]
mod subscriber;

use asynctools::Pool;
use seam_tests::watched;
use tracing::Level;

use crate::subscriber::Records;
use crate::subscriber::events;
use crate::subscriber::records;

#[test]
fn a_loss_is_told_to_the_subscriber_of_its_span() {
    watched(|| {
        records();
        let own = Records::default();
        tracing::subscriber::with_default(own.clone(), || {
            let pool = Pool::new(1);
            assert!(pool.spawn(|| panic!("to whom")).outcome().is_err());
        });
        assert_eq!(events(Level::WARN, "to whom").len(), 0, "told to another subscriber");
        let told = own.events(Level::WARN, "to whom");
        assert_eq!(told.iter().map(|event| event.parent).collect::<Vec<_>>(), [Some(1)]);
    });
}
