//! What is written of a step: a delivery that was given to somebody or moved on, an order that did.

use minijinja::{Value, context};

use super::templates::{Topic, Words};

/// A step as a template sees it.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Its name: `assigned`, `unassigned`, or the status it led to.
    pub step: &'static str,
    /// The same as the end of a sentence, in the language that is written in.
    pub did: &'static str,
    /// The delivery's or order's number.
    pub number: u64,
    /// For whom it is.
    pub customer: String,
    /// Where it goes.
    pub address: String,
    /// Why, where somebody said so.
    pub reason: String,
    /// Where to look; empty for those who have no screen here.
    pub link: String,
}

impl Step {
    /// An invented one.
    pub(super) fn sample(topic: Topic) -> Self {
        let step = if topic == Topic::Customer { "shipped" } else { "in_transit" };
        let link = if topic == Topic::Delivery { "/deliveries/12" } else { "" };
        Self {
            step,
            did: did(topic, "en", step).unwrap_or_default(),
            number: 12,
            customer: "Ann Lee".into(),
            address: "456 Oak Ave".into(),
            reason: String::new(),
            link: link.into(),
        }
    }

    pub(super) fn value(&self, subject: &str) -> Value {
        context! {
            step => self.step,
            did => self.did,
            number => self.number,
            customer => self.customer.clone(),
            address => self.address.clone(),
            reason => self.reason.clone(),
            link => self.link.clone(),
            subject => subject.to_owned(),
        }
    }
}

type Said = (&'static str, [&'static str; 3]);

/// The steps of a delivery, as those who work here are told of them: in English, Portuguese and Spanish.
const DELIVERY: [Said; 6] = [
    ("assigned", ["was given to you", "foi atribuída a você", "le fue asignada"]),
    ("unassigned", ["is no longer yours", "não é mais sua", "ya no es suya"]),
    ("in_transit", ["is on its way", "está a caminho", "está en camino"]),
    ("completed", ["was handed over", "foi entregue", "fue entregada"]),
    ("failed", ["could not be handed over", "não pôde ser entregue", "no pudo ser entregada"]),
    ("cancelled", ["was called off", "foi cancelada", "fue cancelada"]),
];

/// The steps of an order, as who ordered is told of them.
const ORDER: [Said; 6] = [
    ("processing", ["is confirmed", "está confirmado", "está confirmado"]),
    ("packed", ["is packed", "está embalado", "está embalado"]),
    ("shipped", ["is on its way", "está a caminho", "está en camino"]),
    ("delivered", ["was handed over", "foi entregue", "fue entregado"]),
    ("cancelled", ["was called off", "foi cancelado", "fue cancelado"]),
    ("returned", ["came back to us", "voltou para nós", "volvió a nosotros"]),
];

/// A step as the end of a sentence in a language we speak; none when nobody is told of it.
#[must_use]
pub fn did(topic: Topic, language: &str, step: &str) -> Option<&'static str> {
    let all = if topic == Topic::Customer { &ORDER } else { &DELIVERY };
    let (_, [en, pt, es]) = all.iter().find(|(name, _)| *name == step)?;
    Some(match language {
        "pt-BR" => pt,
        "es" => es,
        _ => en,
    })
}

/// How those who don't work here get no more of these.
fn stop(topic: Topic, language: &str) -> &'static str {
    match (topic, language) {
        (Topic::Recipient | Topic::Customer, "pt-BR") => {
            "\nNão quer mais receber estas mensagens? Avise-nos e não escreveremos mais.\n"
        }
        (Topic::Recipient | Topic::Customer, "es") => {
            "\n¿No quiere recibir más estos mensajes? Avísenos y no le escribiremos más.\n"
        }
        (Topic::Recipient | Topic::Customer, _) => {
            "\nYou don't want these messages? Tell us, and we write no more.\n"
        }
        _ => "",
    }
}

/// The words that are shipped for a step; none where the topic is another.
pub(super) fn shipped(topic: Topic, language: &str) -> Option<Words> {
    let subject = match (topic, language) {
        (Topic::Delivery, "pt-BR") => "A entrega {{ number }} {{ did }}",
        (Topic::Delivery, "es") => "La entrega {{ number }} {{ did }}",
        (Topic::Delivery, _) => "Delivery {{ number }} {{ did }}",
        (Topic::Recipient, "pt-BR") => "Sua entrega {{ number }} {{ did }}",
        (Topic::Recipient, "es") => "Su entrega {{ number }} {{ did }}",
        (Topic::Recipient, _) => "Your delivery {{ number }} {{ did }}",
        (Topic::Customer, "pt-BR") => "Seu pedido {{ number }} {{ did }}",
        (Topic::Customer, "es") => "Su pedido {{ number }} {{ did }}",
        (Topic::Customer, _) => "Your order {{ number }} {{ did }}",
        (Topic::NewCases | Topic::Escalated, _) => return None,
    };
    let text = "{{ subject }}\n\n{{ customer }} · {{ address }}\n{% if reason %}{{ reason }}\n{% endif %}{% if link %}\n{{ link }}\n{% endif %}";
    Some(Words { subject: subject.into(), text: format!("{text}{}", stop(topic, language)) })
}
