import { parseLink } from '../model/link.ts'
import { asRoot, nothingAt, unknownRoot } from './not-here.ts'
import { checkPath } from './options.ts'
import type { Collection, Inspection, ModelSummary, Verification } from '../api.ts'

/** What a state folder holds that is not there, and is not made. */
export class NoCollection implements Collection {
  async list (): Promise<ModelSummary[]> {
    return []
  }

  async inspect (rootOrPath: string): Promise<Inspection> {
    checkPath('inspect', 'rootOrPath', rootOrPath)
    return await this.#refuse(rootOrPath)
  }

  async verify (rootOrPath: string): Promise<Verification> {
    checkPath('verify', 'rootOrPath', rootOrPath)
    return await this.#refuse(rootOrPath)
  }

  async forget (root: string): Promise<void> {
    checkPath('forget', 'root', root)
    parseLink(root)
    throw unknownRoot(root)
  }

  async close (): Promise<void> {}

  async #refuse (rootOrPath: string): Promise<never> {
    const root = asRoot(rootOrPath)
    throw root === undefined ? await nothingAt(rootOrPath, []) : unknownRoot(root.toString())
  }
}
