import { describeGunicorn } from './gunicorn-cases.ts';

describeGunicorn('FastAPI under Gunicorn');
