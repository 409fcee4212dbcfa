public import ArgumentParser
public import MoultCompute

extension DeviceChoice: ExpressibleByArgument {}
