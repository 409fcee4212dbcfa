import ArgumentParser
import MoultBenchmark
import MoultCompute
import MoultModel
import Testing

@testable import MoultCommand

@Suite("--device")
struct DeviceOptionTests {
  private func options(_ device: String) throws -> DeviceSelection {
    try BenchRunOptions.parse(["--device", device]).options(EncodingSpecification(), k: 10).device
  }

  @Test("a device that is asked for and is not there is an error", .enabled(if: Device.shared == nil))
  func none() throws {
    let failure = #expect(throws: CommandFailure.self) { try options("cuda") }
    #expect(failure?.message.hasPrefix("--device cuda: ") == true, "\(String(describing: failure))")
    #expect(failure?.next?.contains("moult doctor") == true)
    let tried = try options("auto")
    #expect(tried.device == nil && tried.refusal != nil)
  }

  @Test("cpu looks for none")
  func cpu() throws {
    let selection = try options("cpu")
    #expect(selection.device == nil && selection.refusal == nil)
  }

  @Test("other values are refused")
  func unknown() {
    #expect(throws: (any Error).self) { try BenchRunOptions.parse(["--device", "gpu"]) }
  }
}
