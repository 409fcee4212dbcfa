internal import ArgumentParser
internal import Foundation
internal import MoultBenchmark
internal import MoultModel

/// `moult doctor`: what this machine gives, and whether a data directory is sound.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Measure this machine and check a data directory.",
    discussion: """
      Reports instruction set, BLAS kernels and their rate, memory bandwidth, disk and the device for batch \
      work (MOULT_DEVICE), and warns in words. \
      With --data, checks every file of that data directory; no server may be using it. Exit status 1 if \
      something is wrong.
      """)

  @Option(help: "Data directory to check; its disk is measured too.")
  var data: String?
  @Flag(help: "Read every file of the data directory and compare checksums.")
  var deep = false

  @OptionGroup var output: OutputOptions

  private struct Report: Encodable {
    var machine: MachineProbe.Report
    var data: DataDirectoryProbe.Report?
    var problems: [String]
    var notes: [String]
  }

  func run() async throws {
    let isThere = data.map { FileManager.default.fileExists(atPath: $0) } ?? false
    let folder = isThere ? data : FileManager.default.temporaryDirectory.path
    let machine = try MachineProbe().run(directory: folder)
    let advice = MachineAdvice(machine)
    var report = Report(machine: machine, data: nil, problems: advice.problems, notes: advice.notes)
    if let data {
      do {
        let found = try DataDirectoryProbe.check(data, deep: deep)
        report.data = found
        report.problems += found.problems
        if !found.orphans.isEmpty {
          report.notes.append(
            "\(found.orphans.count) files in '\(data)' belong to nothing; the next `moult serve` removes them"
          )
        }
      } catch let error as MoultError where error.code == .dataDirectoryInUse {
        report.notes.append("'\(data)' was not checked: \(error.message)")
      } catch let error as MoultError {
        report.problems.append(error.message)
      }
    }
    try output.put(report, text: Self.text)
    if !report.problems.isEmpty { throw ExitCode(CommandStatus.failure.rawValue) }
  }

  private static func text(_ device: DeviceProbe.Report) -> [String] {
    guard let name = device.name else {
      return ["device       none: \(device.refusal ?? "MOULT_DEVICE=\(device.choice) looks for none")"]
    }
    func figure(_ value: Double?, _ digits: Int) -> String { Figure.fixed(value ?? 0, digits) }
    return [
      "device       \(name), compute capability \(device.computeCapability ?? "?"), "
        + "\(device.multiprocessors ?? 0) multiprocessors, \(Figure.bytes(Double(device.memoryBytes ?? 0))), "
        + "\(Figure.bytes(Double(device.freeBytes ?? 0))) free; CUDA \(device.runtime ?? "?"), driver for "
        + "\(device.driver ?? "?"); \(device.library ?? "")",
      "             copies \(figure(device.copyGbPerS, 0)) GB/s, \(figure(device.toDeviceGbPerS, 1)) GB/s to it and "
        + "\(figure(device.fromDeviceGbPerS, 1)) from it; products by \(device.matrixPath ?? "?"), 10¹² a second: "
        + "\(figure(device.bfloat16TmacPerS, 1)) bfloat16, \(figure(device.int8TmacPerS, 1)) int8, "
        + "\(figure(device.float32TmacPerS, 1)) float32",
    ]
  }

  private static func text(_ report: Report) -> String {
    let machine = report.machine
    let identity = machine.identity
    var lines = [
      "processor    \(identity.processor), \(identity.cores) cores",
      "features     \(identity.features.joined(separator: " "))",
      "kernels      \(identity.isa)",
      "BLAS         OpenBLAS core \(identity.blasCore), \(Figure.fixed(machine.sgemmGflops, 0)) GFLOP/s a core, "
        + "\(machine.blasThreads) thread inside Moult's own pool",
      "memory       \(Figure.bytes(Double(identity.memoryBytes))), reads "
        + "\(Figure.fixed(machine.memoryReadGbPerS, 1)) GB/s on \(identity.cores) threads"
        + (machine.memoryReadOneThreadGbPerS > 0
          ? ", \(Figure.fixed(machine.memoryReadOneThreadGbPerS, 1)) on one" : ""),
    ]
    if let device = machine.device { lines += text(device) }
    if let disk = machine.disk {
      lines.append(
        "disk         \(disk.directory): writes \(Figure.fixed(disk.writeMbPerS, 0)) MB/s, a sync takes "
          + "\(Figure.fixed(disk.syncMedianMs, 2)) ms (at most \(Figure.fixed(disk.syncMaxMs, 2))), "
          + "\(Figure.bytes(Double(disk.freeBytes))) free")
    }
    if let data = report.data {
      lines.append(
        "data         \(data.path): \(data.files) files, \(Figure.bytes(Double(data.bytes))), "
          + (data.problems.isEmpty ? "sound" : "\(data.problems.count) problems"))
    }
    lines.append("version      \(Version.current), commit \(Commit.current)")
    lines += report.notes.map { "note: \($0)" }
    lines += report.problems.map { "PROBLEM: \($0)" }
    if report.problems.isEmpty { lines.append("nothing is wrong") }
    return lines.joined(separator: "\n")
  }
}
