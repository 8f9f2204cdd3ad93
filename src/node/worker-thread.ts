import { Worker } from 'node:worker_threads'

/** The thread has ended before it answered. */
export class WorkerEnded extends Error {}

/** What a thread says: once that it has started, then an answer to each question, in the order they were asked. */
type Said<Answer> =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer', readonly answer: Answer }
  | { readonly kind: 'failed', readonly message: string, readonly code?: string }

/**
 * A thread that answers questions one after another. Its program is text, so that it runs from source, from dist and
 * from an application's bundle alike: statements, the last of which defines `answer (question)`, which returns what is
 * answered and what of it is handed over. It keeps the process alive while it starts and while it has questions.
 */
export class WorkerThread<Question, Answer> {
  readonly #worker: Worker
  #asked: Array<PromiseWithResolvers<Answer>> = []
  #isReady = false
  #isEnded = false
  #failure: unknown

  /** `onEnd` is called once, however it ends. @throws what Node throws where no thread may or can be started */
  constructor (program: string, onReady: () => void, onEnd: () => void) {
    // What the process was started with is not for it: --input-type=module, or what is to be loaded first.
    const worker = new Worker(inLoop(program), { eval: true, execArgv: [], env: {} })
    this.#worker = worker
    worker.on('message', (said: Said<Answer>) => {
      if (said.kind === 'ready') {
        this.#isReady = true
        onReady()
      } else if (said.kind === 'answer') {
        this.#asked.shift()?.resolve(said.answer)
      } else {
        this.#asked.shift()?.reject(Object.assign(new Error(said.message), { code: said.code }))
      }
      if (this.#asked.length === 0) worker.unref()
    })
    // An exit follows every error, and who asked is told then.
    worker.on('error', err => { this.#failure = err })
    // Answers are told apart by their order: one that is lost must not pass for another.
    worker.on('messageerror', err => {
      this.#failure = err
      worker.terminate().catch(() => { /* it has ended */ })
    })
    worker.on('exit', () => {
      this.#isEnded = true
      for (const { reject } of this.#asked.splice(0)) reject(this.#ended())
      onEnd()
    })
  }

  /** It runs, and has not ended. */
  get isReady (): boolean {
    return this.#isReady && !this.#isEnded
  }

  /**
   * What the thread answers; rejects with what it throws there (message and code), or with WorkerEnded. The buffers in
   * `handOver` are the thread's from now on, whatever becomes of the question.
   */
  async ask (question: Question, handOver: ArrayBuffer[] = []): Promise<Answer> {
    if (this.#isEnded) throw this.#ended()
    const asked = Promise.withResolvers<Answer>()
    this.#worker.postMessage(question, handOver)
    this.#asked.push(asked)
    this.#worker.ref()
    return await asked.promise
  }

  async end (): Promise<void> {
    await this.#worker.terminate()
  }

  #ended (): WorkerEnded {
    return new WorkerEnded('The thread ended before it answered', { cause: this.#failure })
  }
}

function inLoop (program: string): string {
  return `
const { parentPort } = require('node:worker_threads')
${program}
parentPort.on('message', question => {
  try {
    const { handOver = [], ...said } = answer(question)
    parentPort.postMessage({ kind: 'answer', answer: said }, handOver)
  } catch (err) {
    parentPort.postMessage({ kind: 'failed', message: err.message, code: err.code })
  }
})
parentPort.on('messageerror', err => { throw err })
parentPort.postMessage({ kind: 'ready' })`
}
