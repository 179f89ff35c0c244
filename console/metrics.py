"""What a site's console counts. Nothing tells one label from another, nor whether a frame was a known answer."""

from prometheus_client import CollectorRegistry, Counter

from common.publishing.metrics import ForwardMetrics

REGISTRY = CollectorRegistry()
RECEIPTS = Counter("blindsight_receipts", "Bursts whose labels are recorded.", registry=REGISTRY)
ALARMS = Counter("blindsight_alarms", "Known answers that got another label.", registry=REGISTRY)
FORWARDING = ForwardMetrics(REGISTRY)
IGNORED = Counter("blindsight_ignored_messages", "Messages that are none of the protocol's.", registry=REGISTRY)
DROPPED = Counter("blindsight_dropped_messages", "Messages of devices that had too many waiting.", registry=REGISTRY)
CONNECTIONS = Counter("blindsight_mqtt_connections", "Times that the MQTT broker was reached.", registry=REGISTRY)
