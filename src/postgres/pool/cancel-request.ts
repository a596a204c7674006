import type { PoolClient } from 'pg';
import type { WireClient, WireConnection } from '../wire/pg-query.js';

/** How many milliseconds the server may take to close the connection of a cancel request. */
const PATIENCE = 5_000;

/**
 * Asks the server to cancel what it runs for a client, as the protocol provides for it: on a connection of its own, which
 * needs no place among the server's connections, with the key that the client was given. So it works through a pooler, too,
 * which gives out keys of its own. Resolves when the server has closed that connection, which is its only answer. Closed
 * from this side before, PgBouncer drops the request.
 */
export function sendCancelRequest(client: PoolClient, stream: unknown): Promise<void> {
  const { connection: own, host, port, ssl, sslNegotiation, processID, secretKey } = client as unknown as WireClient;
  const Connection = own.constructor as new (options: Record<string, unknown>) => WireConnection;
  const connection = new Connection({ ssl, sslNegotiation, stream });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => connection.stream.destroy(new Error('The cancel request was not taken')), PATIENCE);
    const send = () => connection.cancel(processID, secretKey);
    connection.once('connect', () => {
      if (!ssl) {
        send();
      } else if (sslNegotiation !== 'direct') {
        connection.requestSsl();
      }
    });
    connection.once('sslconnect', send);
    connection.on('error', reject);
    connection.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
    if (host.startsWith('/')) {
      connection.connect(`${host}/.s.PGSQL.${port}`);
    } else {
      connection.connect(port, host);
    }
  });
}
