import { engineOptions, MikroOrmEngineFactory, postgresConfig } from 'mikro-orm-uow';
import { Account } from '../service/entities.js';
import { app, stop } from './app.js';

const engineFactory = new MikroOrmEngineFactory(engineOptions(postgresConfig(), { entities: [Account] }));
const server = app(engineFactory).listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on ${(server.address() as { port: number }).port}`);
});
process.once('SIGTERM', () => stop(server, engineFactory));
