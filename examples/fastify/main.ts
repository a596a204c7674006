import { engineOptions, MikroOrmEngineFactory, postgresConfig } from 'mikro-orm-uow';
import { Account } from '../service/entities.js';
import { app } from './app.js';

const engineFactory = new MikroOrmEngineFactory(engineOptions(postgresConfig(), { entities: [Account] }));
const service = app(engineFactory);
const address = await service.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' });
console.log(`listening on ${new URL(address).port}`);
process.once('SIGTERM', () => service.close());
