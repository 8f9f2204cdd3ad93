import { testChunker } from '../contracts/chunker.ts'
import { chunkerOf } from './chunker.ts'

testChunker('chunkerOf', lengths => chunkerOf(lengths))
