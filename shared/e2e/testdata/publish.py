# Publishes messages with pika over TLS, as whom the certificate names. The one argument says in JSON where: host, port,
# ca, cert, key, exchange. Standard input has one message a line in JSON: body (base64), and maybe encoding, id and user.
# Each is confirmed by the broker, and routed to a queue, or this fails.
import base64
import json
import ssl
import sys

import pika

to = json.loads(sys.argv[1])
context = ssl.create_default_context(cafile=to["ca"])
context.load_cert_chain(to["cert"], to["key"])
connection = pika.BlockingConnection(pika.ConnectionParameters(
    host=to["host"], port=to["port"], ssl_options=pika.SSLOptions(context, to["host"]),
    credentials=pika.credentials.ExternalCredentials()))
channel = connection.channel()
channel.confirm_delivery()
for line in sys.stdin:
    message = json.loads(line)
    channel.basic_publish(
        to["exchange"], "", base64.b64decode(message["body"]), mandatory=True,
        properties=pika.BasicProperties(
            content_type="application/json", delivery_mode=2,
            content_encoding=message.get("encoding"), message_id=message.get("id"),
            user_id=message.get("user")))
connection.close()
