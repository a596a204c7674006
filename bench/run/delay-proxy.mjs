// A TCP proxy that delays what passes by a number of milliseconds each way, in a process of its own.
// `node delay-proxy.mjs <host> <port> <milliseconds>`; it sends its own port to its parent.
import { connect, createServer } from 'node:net';

const [host, port, delay] = process.argv.slice(2);

const forward = (from, to) => {
  from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), Number(delay)));
  from.on('end', () => setTimeout(() => to.end(), Number(delay)));
  from.on('error', () => to.destroy());
};

const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect({ host, port: Number(port), noDelay: true });
  forward(client, upstream);
  forward(upstream, client);
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit());
