import MoultModel
import Synchronization
import Testing

@testable import MoultCompute

@Suite("MOULT_DEVICE")
struct DeviceChoiceTests {
  @Test(
    "its values",
    arguments: [(nil, .auto), ("", .auto), ("cpu", .cpu), ("cuda", .cuda), ("auto", .auto)]
      as [(String?, DeviceChoice)])
  func values(text: String?, choice: DeviceChoice) throws {
    #expect(try DeviceChoice(variable: text) == choice)
  }

  @Test("any other value is refused with what was expected", arguments: ["gpu", "CUDA", "cuda:0", " cpu"])
  func badValue(text: String) {
    let error = #expect(throws: MoultError.self) { try DeviceChoice(variable: text) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains("MOULT_DEVICE must be one of cpu, cuda, auto, and is '\(text)'") == true)
  }

  @Test("cpu opens nothing")
  func cpu() {
    let selection = DeviceChoice.cpu.select {
      Issue.record("a device was opened")
      return .failure(MoultError(.unavailable, "none"))
    }
    #expect(selection.device == nil && selection.refusal == nil && !selection.isProblem)
    #expect(selection.use(threads: 2) == nil)
    #expect(selection.summary == "batch work runs on the CPU")
  }

  @Test("without a device cuda is a problem and auto is not")
  func refused() {
    let none = Result<Device, MoultError>.failure(MoultError(.unavailable, "there is no driver"))
    let asked = DeviceChoice.cuda.select { none }
    #expect(asked.isProblem && asked.device == nil)
    #expect(
      asked.summary
        == "MOULT_DEVICE=cuda asks for a device, but batch work runs on the CPU: there is no driver")
    let tried = DeviceChoice.auto.select { none }
    #expect(!tried.isProblem && tried.refusal == "there is no driver")
    #expect(tried.summary == "batch work runs on the CPU: there is no driver")
  }
}
