/// One more port of a server, where one protocol is spoken and nothing else: under the same limits, with the same
/// certificates, counted with the same metrics, and ended in the same order.
package struct ProtocolPort: Sendable {
  /// 0 takes any free port; `Server.protocolPorts` says which one.
  package var port: Int
  package var wire: any WireAPI
  /// What a client must show there. `nil` serves everyone.
  package var tokens: AccessTokens?
  package var bodyBytesMax: Int

  package init(port: Int, wire: any WireAPI, tokens: AccessTokens?, bodyBytesMax: Int) {
    self.port = port
    self.wire = wire
    self.tokens = tokens
    self.bodyBytesMax = bodyBytesMax
  }
}
