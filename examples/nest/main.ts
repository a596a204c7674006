import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { engineOptions, MikroOrmEngineFactory, postgresConfig } from 'mikro-orm-uow';
import { Account } from '../service/entities.js';
import { AppModule } from './app.module.js';

const engineFactory = new MikroOrmEngineFactory(engineOptions(postgresConfig(), { entities: [Account] }));
const app = await NestFactory.create(AppModule.on(engineFactory), { logger: ['error', 'warn'] });
app.enableShutdownHooks();
const server = await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
process.once('SIGTERM', () => {
  // a connection whose last request has been answered is not kept for another one
  server.keepAliveTimeout = 1;
});
console.log(`listening on ${server.address().port}`);
