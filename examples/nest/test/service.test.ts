import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { expect } from 'chai';
import { type EngineFactory, engineOptions, MikroOrmEngineFactory } from 'mikro-orm-uow';
import { Account } from '../../service/entities.js';
import { borrowed } from '../../service/test/borrowed.js';
import { describeService, type Running } from '../../service/test/service-suite.js';
import { AppModule } from '../app.module.js';

async function start(engine: EngineFactory): Promise<Running> {
  const app = await NestFactory.create(AppModule.on(engine), {
    logger: false,
    abortOnError: false,
    forceCloseConnections: true,
  });
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), close: () => app.close() };
}

describeService('NestJS', new URL('../main.js', import.meta.url), (engine) => start(borrowed(engine)));

describe('the health of a service on NestJS', () => {
  it('is 200 where the database answers', async () => {
    const dsn = process.env.TEST_DATABASE_URL ?? '';
    await using engine = new MikroOrmEngineFactory(engineOptions({ dsn, poolSize: 1 }, { entities: [Account] }));
    const app = await start(borrowed(engine));
    const answer = await fetch(`${app.url}/health`);
    expect(answer.status).to.equal(200);
    expect(await answer.json()).to.have.nested.property('details.database.status', 'up');
    await app.close();
  });

  it('is 503 where the database can not be reached', async () => {
    const dsn = 'postgres://nobody@127.0.0.1:1/nothing';
    const engine = new MikroOrmEngineFactory(engineOptions({ dsn, poolSize: 1 }, { entities: [Account] }));
    const app = await start(engine);
    const answer = await fetch(`${app.url}/health`);
    expect(answer.status).to.equal(503);
    expect(await answer.json()).to.have.nested.property('error.database.status', 'down');
    await app.close();
  });
});
