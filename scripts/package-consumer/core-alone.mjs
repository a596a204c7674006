// With nothing but MikroORM's core installed, the root is there, and an entry point that needs more says what.
import assert from 'node:assert/strict';
import { MikroOrmEngineFactory, MikroOrmRepository, MikroOrmUnitOfWork } from 'mikro-orm-uow';

for (const exported of [MikroOrmEngineFactory, MikroOrmRepository, MikroOrmUnitOfWork]) {
  assert.equal(typeof exported, 'function');
}
await assert.rejects(import('mikro-orm-uow/typedi'), { code: 'ERR_MODULE_NOT_FOUND', message: /typedi/ });
await assert.rejects(import('mikro-orm-uow/dist/src/errors.js'), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' });
