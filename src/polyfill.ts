// libp2p 3 calls Promise.withResolvers, which Node 20 lacks: without it every handshake dies and the dialer sees only
// ECONNRESET. Loaded before anything of libp2p; the one piece of global state this library touches.
if (typeof Promise.withResolvers !== 'function') {
  Promise.withResolvers = function withResolvers<T> (): PromiseWithResolvers<T> {
    let resolve: PromiseWithResolvers<T>['resolve'] = () => {}
    let reject: PromiseWithResolvers<T>['reject'] = () => {}
    const promise = new Promise<T>((_resolve, _reject) => { resolve = _resolve; reject = _reject })
    return { promise, resolve, reject }
  }
}
