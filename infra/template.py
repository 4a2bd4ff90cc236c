"""template.yaml, read."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


class CloudFormation(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation's functions."""


def short_form(loader, tag, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if tag == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


CloudFormation.add_multi_constructor("!", short_form)


def read_template(path=ROOT / "template.yaml"):
    return yaml.load(path.read_text(), CloudFormation)


def functions(template):
    """Logical id to binary."""
    found = {
        name: resource["Metadata"]["BuildProperties"]["Binary"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    if not found:
        raise ValueError("the template has no functions")
    return found


def operations(template):
    """Operation to method and path, from the definition of the API."""
    found = {}
    for path, methods in template["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"].items():
        for method, operation in methods.items():
            target = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            [name] = re.findall(r"\$\{(\w+)Function\.Arn\}", target)
            found[name[0].lower() + name[1:]] = (method.upper(), path)
    return found
