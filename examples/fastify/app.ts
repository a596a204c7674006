import fastify from 'fastify';
import { type EngineFactory, signalOf } from 'mikro-orm-uow';
import { Refused, secondsOf, Transfers, transferOf } from '../service/transfers.js';
import { TransferUnitOfWork } from '../service/unit-of-work.js';

/** The service on Fastify. `close()` waits for requests on their way, and then disposes of the engine. */
export function app(engineFactory: EngineFactory) {
  const transfers = new Transfers(new TransferUnitOfWork(engineFactory));
  const service = fastify({ bodyLimit: 10_000, forceCloseConnections: 'idle' });

  service.post('/transfers', async (request, reply) => {
    const { from, to, amount } = transferOf(request.body);
    await transfers.transfer(from, to, amount, signalOf(reply));
    return reply.status(201).send({ from, to, amount });
  });

  service.get<{ Querystring: { seconds?: string } }>('/total', async (request, reply) => ({
    total: await transfers.total(secondsOf(request.query.seconds), signalOf(reply)),
  }));

  service.setErrorHandler((error: Error, _request, reply) => {
    const status = error instanceof Refused ? 409 : error instanceof TypeError ? 400 : 500;
    return reply.status(status).send({ error: status === 500 ? 'Try again later.' : error.message });
  });

  service.addHook('preClose', async () => {
    // a connection whose last request has been answered is not kept for another one
    service.server.keepAliveTimeout = 1;
  });
  service.addHook('onClose', () => engineFactory.dispose());
  return service;
}
