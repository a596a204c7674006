import type { Server } from 'node:http';
import express, { type ErrorRequestHandler } from 'express';
import { type EngineFactory, signalOf } from 'mikro-orm-uow';
import { Refused, secondsOf, Transfers, transferOf } from '../service/transfers.js';
import { TransferUnitOfWork } from '../service/unit-of-work.js';

/** The service on Express. */
export function app(engineFactory: EngineFactory) {
  const transfers = new Transfers(new TransferUnitOfWork(engineFactory));
  const service = express();
  service.use(express.json({ limit: '10kb' }));

  service.post('/transfers', async (request, response) => {
    const { from, to, amount } = transferOf(request.body);
    await transfers.transfer(from, to, amount, signalOf(response));
    response.status(201).json({ from, to, amount });
  });

  service.get('/total', async (request, response) => {
    response.json({ total: await transfers.total(secondsOf(request.query.seconds), signalOf(response)) });
  });

  const answer: ErrorRequestHandler = (error, _request, response, _next) => {
    const status = error instanceof Refused ? 409 : error instanceof TypeError ? 400 : 500;
    response.status(status).json({ error: status === 500 ? 'Try again later.' : error.message });
  };
  service.use(answer);
  return service;
}

/** Stops taking requests, waits for those on their way, and disposes of the engine: what SIGTERM should do. */
export async function stop(server: Server, engineFactory: EngineFactory): Promise<void> {
  // a connection whose last request has been answered is not kept for another one
  server.keepAliveTimeout = 1;
  await new Promise((resolve) => server.close(resolve));
  await engineFactory.dispose();
}
