import { type Attributes, context, trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { expect } from 'chai';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { withoutValues } from '../../src/observability/opentelemetry/conventions.js';
import { instrumentUnitsOfWork } from '../../src/observability/opentelemetry/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

const spans = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
const tracer = provider.getTracer('test');

/** The spans as a tree: each with its name, and those inside of it. */
function tree(all: readonly ReadableSpan[], parent?: string): unknown[] {
  return all
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)
    .map((span) => {
      const inside = tree(all, span.spanContext().spanId);
      return inside.length === 0 ? span.name : [span.name, inside];
    });
}

const named = (name: string): ReadableSpan => {
  const found = spans.getFinishedSpans().find((span) => span.name === name);
  return found ?? expect.fail(`no span "${name}" in ${spans.getFinishedSpans().map((span) => span.name)}`);
};

forEachBank((bank, engine) => {
  describe('promise 26: instrumentUnitsOfWork()', () => {
    let stop: () => void;

    before(() => provider.register());
    after(() => {
      trace.disable();
      context.disable();
    });
    beforeEach(() => {
      spans.reset();
      stop = instrumentUnitsOfWork({ tracerProvider: provider, statementText: true });
    });
    afterEach(() => stop());

    it('makes a tree of the caller, units, inner units, the work’s own spans and statements', async () => {
      await tracer.startActiveSpan('request', async (request) => {
        await bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          await u.flush();
          await tracer.startActiveSpan('own', async (own) => {
            await u.accounts.count();
            own.end();
          });
          await u.run((inner) => inner.accounts.count(), { name: 'Inner' });
        });
        request.end();
      });
      expect(tree(spans.getFinishedSpans())).to.deep.equal([
        [
          'request',
          [
            [
              'BankUnitOfWork',
              ['INSERT account', ['own', ['SELECT account']], ['Inner', ['SELECT account']], 'COMMIT'],
            ],
          ],
        ],
      ]);
    });

    it('gives them the attributes of the conventions, and no value', async () => {
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'secret', balance: 4711 });
        await u.accounts.create({ owner: 'secret too', balance: 4712 });
      });
      const { attributes, kind } = named('INSERT account');
      const database = new URL((await bank.options()).clientUrl ?? 'postgres:///').pathname.slice(1);
      expect(kind).to.equal(2);
      expect(attributes).to.include({
        'db.system.name': 'postgresql',
        'db.operation.name': 'INSERT',
        'db.collection.name': 'account',
        'db.operation.batch.size': 2,
        'db.query.text': 'insert into "account" ("owner", "balance") values (?, ?), (?, ?) returning "id"',
      });
      if (engine === 'postgresql') {
        expect(attributes['server.address']).to.be.a('string');
        expect(attributes['server.port']).to.be.a('number');
        expect(attributes['db.namespace'])
          .to.be.a('string')
          .and.not.equal(database || ' ');
      }
      expect(named('BankUnitOfWork').attributes).to.include({
        'mikro_orm_uow.status': 'committed',
        'mikro_orm_uow.attempts': 1,
        'mikro_orm_uow.statements': 1,
        'mikro_orm_uow.round_trips': 2,
        'mikro_orm_uow.rows.Account': 2,
      });
      expect(
        JSON.stringify(spans.getFinishedSpans().map((span) => [span.attributes, span.events, span.status])),
      ).not.to.match(/secret|4711|4712/);
    });

    it('tells of failures by SQLSTATE and name, and shows no text of an error', async () => {
      await rejection(bank.uow.run((u) => u.session.execute("select 'secret'::int")));
      await rejection(
        bank.uow.run(async () => {
          throw new TypeError('secret');
        }),
      );
      const failed = spans.getFinishedSpans().map(({ name, attributes, status }) => ({
        name,
        code: status.code,
        message: status.message,
        type: attributes['error.type'],
        state: attributes['db.response.status_code'],
      }));
      expect(failed).to.deep.equal([
        { name: 'SELECT', code: 2, message: undefined, type: '22P02', state: '22P02' },
        { name: 'ROLLBACK', code: 0, message: undefined, type: undefined, state: undefined },
        { name: 'BankUnitOfWork', code: 2, message: undefined, type: '22P02', state: undefined },
        { name: 'BankUnitOfWork', code: 2, message: undefined, type: 'TypeError', state: undefined },
      ]);
      expect(JSON.stringify(spans.getFinishedSpans().map((span) => [span.attributes, span.events]))).not.to.match(
        /secret/,
      );
    });

    it('makes events of retries and of how COMMIT ended, on one span for all runs', async () => {
      await bank.uow.run(
        async (u) => {
          await u.accounts.count();
          if (u.attempt === 1) {
            throw Object.assign(new Error('again'), { code: '40001' });
          }
        },
        { retry: { attempts: 2, minDelay: 0 } },
      );
      const { events, attributes, status } = named('BankUnitOfWork');
      expect(
        events.map(({ name, attributes: of }) => [name, of?.['error.type'] ?? of?.['mikro_orm_uow.outcome']]),
      ).to.deep.equal([
        ['retry', '40001'],
        ['commit', 'committed'],
      ]);
      expect(attributes['mikro_orm_uow.attempts']).to.equal(2);
      expect(status.code).to.equal(0);
    });

    it('tells nothing any more when it was stopped', async () => {
      stop();
      await bank.uow.run((u) => u.accounts.count());
      expect(spans.getFinishedSpans()).to.deep.equal([]);
    });

    it('measures statements, waits, and connections by state', async () => {
      const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
      const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
      const meterProvider = new MeterProvider({ readers: [reader] });
      const stopMeasuring = instrumentUnitsOfWork({ tracerProvider: provider, meterProvider });
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        await reader.forceFlush();
      });
      await reader.shutdown();
      stopMeasuring();
      const points = exporter
        .getMetrics()[0]
        ?.scopeMetrics.flatMap(({ metrics }) => metrics)
        .flatMap(({ descriptor, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => ({
            name: descriptor.name,
            unit: descriptor.unit,
            attributes,
            value,
          })),
        );
      const of = (name: string) => points?.filter((point) => point.name === name) ?? [];
      const [duration] = of('db.client.operation.duration');
      expect(duration?.unit).to.equal('s');
      expect(duration?.attributes).to.include({ 'db.operation.name': 'INSERT', 'db.collection.name': 'account' });
      expect(duration?.value).to.have.property('count', 1);
      expect(of('db.client.connection.wait_time')).to.have.lengthOf(1);
      const byState = Object.fromEntries(
        of('db.client.connection.count').map(({ attributes, value }) => [
          attributes['db.client.connection.state'],
          value,
        ]),
      );
      expect(byState).to.deep.equal({ used: 1, idle: 0 });
      expect(of('db.client.connection.pending_requests').map(({ value }) => value)).to.deep.equal([0]);
      expect(of('db.client.connection.count').every(({ attributes }) => poolName(attributes).length > 1)).to.equal(
        true,
      );
    });
  });
});

const poolName = (attributes: Attributes): string => String(attributes['db.client.connection.pool.name']);

describe('promise 28: the span of a statement that a replica got', () => {
  const bank = useBank('postgresql');

  it('has the address of that replica', async () => {
    const replica = new URL(bank.proxy.url);
    replica.hostname = 'localhost'; // the same server by another name
    await using engineFactory = new MikroOrmEngineFactory(
      engineOptions({ dsn: bank.proxy.url, replicas: [replica.href], poolSize: 1 }, { entities }),
    );
    const uow = new BankUnitOfWork(engineFactory);
    spans.reset();
    const stop = instrumentUnitsOfWork({ tracerProvider: provider });
    try {
      await uow.run((u) => u.accounts.count(), { readOnly: true });
      await uow.run((u) => u.accounts.count());
    } finally {
      stop();
    }
    const selects = spans.getFinishedSpans().filter(({ name }) => name === 'SELECT account');
    expect(selects.map(({ attributes }) => attributes['server.address'])).to.deep.equal(['localhost', '127.0.0.1']);
  });
});

describe('promise 26: the text of a statement in spans', () => {
  useBank('postgresql');

  for (const [sql, text] of [
    ["select * from a where b = 'it''s' and c = 12.5", 'select * from a where b = ? and c = ?'],
    ['select "x1", "a\'b" from "t2" where id = $1', 'select "x1", "a\'b" from "t2" where id = $1'],
    ["select e'it\\'s secret', 7", 'select ?, ?'],
    ['select $$secret$$, $a$ secret $b$ $a$', 'select ?, ?'],
    ["select 'never ends secret", 'select ?'],
    ['select $$never ends secret', 'select ?'],
  ] as const) {
    it(`has no value: ${sql}`, () => {
      expect(withoutValues(sql)).to.equal(text);
    });
  }

  it('is made in linear time', () => {
    for (const hostile of ["'", '$a$', "e'\\", '"', '1']) {
      const started = performance.now();
      withoutValues(hostile.repeat(1_000_000));
      expect(performance.now() - started).to.be.lessThan(2_000);
    }
  });
});
