// Wiring by TypeDI needs neither a database driver nor decorators.
import assert from 'node:assert/strict';
import { registerUnitsOfWork } from 'mikro-orm-uow/typedi';

assert.equal(typeof registerUnitsOfWork, 'function');
