"""template.yaml, as SAM hands it to CloudFormation."""

import copy
import json

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# CloudFormation gives a stack an id like this.
STACK_ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/1a2b3c4d-0000-1111-2222-333344445555"


def transform(template):
    """The transformed template. SAM changes what it is given, so it is given a copy."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "bucket", "Key": "a-key-as-long-as-a-sha256-is-in-hexadecimal"}
    template["Globals"]["Function"].pop("CodeUri", None)
    values = {
        name: parameter.get("Default", f"value-of-{name}")
        for name, parameter in template["Parameters"].items()
    }
    return Translator({}, Parser()).translate(template, values)


def with_operations(template, count):
    """The template as it is when there are so many operations: each new one is like one that is there, but for its name."""
    template = copy.deepcopy(template)
    resources = template["Resources"]
    paths = resources["Api"]["Properties"]["DefinitionBody"]["paths"]
    endpoints = [
        (name, path, method, operation)
        for path, methods in list(paths.items())
        for method, operation in methods.items()
        for name in [operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"].split("${")[-1].split(".")[0]]
    ]
    for number in range(count - len(endpoints)):
        name, path, method, operation = endpoints[number % len(endpoints)]
        new = f"Dummy{number}Function"
        resources[new] = copy.deepcopy(resources[name])
        resources[new]["Properties"]["FunctionName"] = {"Fn::Sub": f"${{ScheduleGroup}}-e-dummy-{number}"}
        operation = json.loads(json.dumps(operation).replace(f"${{{name}.Arn}}", f"${{{new}.Arn}}"))
        paths[f"/dummy-{number}{path}"] = {method: operation}
    return template


def references(value, names):
    """The resources a value refers to."""
    found = set()
    if isinstance(value, list):
        for one in value:
            found |= references(one, names)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "Ref":
                found |= {one} & names
            elif key == "Fn::GetAtt":
                target = one[0] if isinstance(one, list) else one.split(".")[0]
                found |= {target} & names
            elif key == "Fn::Sub":
                text, more = (one, {}) if isinstance(one, str) else one
                placeholders = {part.split("}")[0] for part in text.split("${")[1:]}
                found |= {name.split(".")[0] for name in placeholders - set(more)} & names
                found |= references(more, names)
            else:
                found |= references(one, names)
    return found


def cycle(resources):
    """A cycle of resources of which each needs the next, if there is one."""
    names = set(resources)
    needs = {
        name: references(resource.get("Properties", {}), names) | set(depends_on(resource))
        for name, resource in resources.items()
    }
    done = set()

    def visit(name, path):
        if name in path:
            return path[path.index(name):] + [name]
        if name in done:
            return None
        for other in sorted(needs[name]):
            if found := visit(other, [*path, name]):
                return found
        done.add(name)
        return None

    return next((found for name in sorted(names) if (found := visit(name, []))), None)


def depends_on(resource):
    found = resource.get("DependsOn", [])
    return [found] if isinstance(found, str) else found


class Texts:
    """What values become in a stack of this name."""

    def __init__(self, transformed, stack_name):
        self.resources = transformed["Resources"]
        self.names = {
            "AWS::AccountId": "123456789012",
            "AWS::Partition": "aws-us-gov",
            "AWS::Region": "ap-southeast-1",
            "AWS::StackName": stack_name,
            "AWS::StackId": STACK_ID.format(name=stack_name),
            "AWS::URLSuffix": "amazonaws.com",
        }
        for name, parameter in transformed["Parameters"].items():
            self.names[name] = str(parameter.get("Default", f"value-of-{name}"))
        self.names["IdentityCenterInstanceArn"] = "arn:aws-us-gov:sso:::instance/ssoins-0123456789abcdef"
        self.names["IdentityStoreId"] = "01234567-89ab-cdef-0123-456789abcdef"

    def of(self, value):
        """A value with everything put in; of both branches of a condition, the longer."""
        if isinstance(value, list):
            return [self.of(one) for one in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, operand)] = value.items()
            if function == "Ref":
                return self.reference(operand)
            if function == "Fn::GetAtt":
                return self.attribute(*(operand if isinstance(operand, list) else operand.split(".", 1)))
            if function == "Fn::If":
                return max((self.of(one) for one in operand[1:]), key=lambda one: len(json.dumps(one)))
            if function == "Fn::Split":
                return self.of(operand[1]).split(operand[0])
            if function == "Fn::Select":
                return self.of(operand[1])[int(operand[0])]
            if function == "Fn::Sub":
                text, more = (operand, {}) if isinstance(operand, str) else operand
                first, *parts = text.split("${")
                for part in parts:
                    name, after = part.split("}", 1)
                    if name in more:
                        first += self.of(more[name]) + after
                    elif "." in name:
                        first += self.attribute(*name.split(".", 1)) + after
                    else:
                        first += self.reference(name) + after
                return first
        return {key: self.of(one) for key, one in value.items()}

    def reference(self, name):
        """Most resources are referred to by their names."""
        if name == "AWS::NoValue":
            return None
        if name in self.names:
            return self.names[name]
        resource = self.resources[name]
        for property in ("Name", "FunctionName", "LogGroupName", "RoleName", "StageName"):
            if property in resource["Properties"]:
                return self.of(resource["Properties"][property])
        return generated(self.names["AWS::StackName"], name)

    def attribute(self, name, attribute):
        """An ARN, or something else of that length."""
        kind = self.resources[name]["Type"].split("::", 1)[1].replace("::", "/")
        return f"arn:aws-us-gov:{kind}:ap-southeast-1:123456789012:{self.reference(name)}/{attribute}"


def generated(stack_name, name):
    """The name CloudFormation gives a resource that has none: it makes it fit."""
    return f"{stack_name[:24]}-{name[:24]}-1A2B3C4D5E6F7"
